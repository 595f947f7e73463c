import Kernels

/// A tensor as the header of a safetensors file describes it, before its place in the file was checked.
struct SafetensorsEntry {
  private let name: String
  private let shape: [Int]
  private let type: TensorType
  private let range: Range<Int>

  /// What the names of element types mean here. Booleans are bytes of 0 and 1.
  private static let types: [String: TensorType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "I64": .i64, "I32": .i32, "I16": .i16, "I8": .i8, "U8": .u8,
    "BOOL": .u8,
  ]

  init(name: String, _ node: JSONNode) throws(FormatError) {
    self.name = name
    func refuse(_ code: FormatError.Code, _ problem: String, found: String? = nil) -> FormatError {
      FormatError(
        code, file: node.file, subject: .tensor(name), problem, found: found, remedy: FormatError.damaged)
    }
    let typeName = try node.required("dtype", node.string("dtype"))
    guard let type = SafetensorsEntry.types[typeName] else {
      throw FormatError(
        .unsupportedType, file: node.file, subject: .tensor(name), "has an element type that is not read",
        found: printable(typeName), expected: "one of \(SafetensorsEntry.types.keys.sorted().joined(separator: " "))",
        remedy: "Save the model as BF16, F16 or F32.")
    }
    self.type = type
    shape = try node.required("shape", node.integers("shape"))
    guard shape.allSatisfy({ $0 >= 0 }) else { throw refuse(.malformed, "has a negative size", found: "\(shape)") }
    let offsets = try node.required("data_offsets", node.integers("data_offsets"))
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw refuse(.malformed, "has data_offsets that are no range", found: "\(offsets.prefix(4))")
    }
    range = offsets[0]..<offsets[1]
    let needed = try Tensor.byteCount(name: name, shape: shape, type: type, file: node.file)
    guard range.count == needed else {
      throw refuse(
        .malformed, "needs \(grouped(needed)) bytes for its shape \(shape) as \(typeName)",
        found: "\(grouped(range.count)) in data_offsets")
    }
  }

  /// Checks that the tensors tile the data without gaps or overlaps, and slices them out of it.
  static func place(
    _ entries: [SafetensorsEntry], in data: SharedBytes, file: String
  ) throws(FormatError) -> [Tensor] {
    var tensors: [Tensor] = []
    var end = 0
    let order = entries.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for entry in order {
      guard entry.range.lowerBound == end else {
        throw FormatError(
          .malformed, file: file, subject: .tensor(entry.name),
          entry.range.lowerBound < end ? "overlaps the tensor before it" : "leaves a gap behind the tensor before it",
          found: "data offset \(grouped(entry.range.lowerBound))", expected: grouped(end), remedy: FormatError.damaged)
      }
      end = entry.range.upperBound
      guard end <= data.count else {
        throw FormatError(
          .truncated, file: file, subject: .tensor(entry.name),
          "ends at data byte \(grouped(end)), but the file has \(grouped(data.count))", remedy: FormatError.fetchAgain)
      }
      tensors.append(
        try Tensor(name: entry.name, shape: entry.shape, type: entry.type, bytes: data[entry.range], file: file))
    }
    guard end == data.count else {
      throw FormatError(
        .malformed, file: file, "has \(grouped(data.count - end)) bytes behind its last tensor",
        remedy: FormatError.damaged)
    }
    return tensors
  }
}
