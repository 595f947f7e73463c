import Kernels

/// A tensor as the header of a GGUF file describes it, before its place in the file was checked.
struct GGUFTensorInfo {
  let name: String
  let shape: [Int]
  let type: TensorType
  let offset: UInt64
  let byteCount: Int

  /// Reads what follows the name.
  init(name: String, from reader: inout ByteReader) throws(FormatError) {
    self.name = name
    let start = reader.offset
    func refuse(_ code: FormatError.Code, _ problem: String, _ remedy: String) -> FormatError {
      FormatError(code, file: reader.file, subject: .tensor(name), offset: start, problem, remedy: remedy)
    }
    let label = "tensor \(printable(name))"
    let dimensions = try reader.integer(UInt32.self, "the number of dimensions of \(label)")
    guard dimensions >= 1, dimensions <= 4 else {
      throw refuse(.malformed, "has \(grouped(dimensions)) dimensions instead of 1 to 4", FormatError.damaged)
    }
    var shape: [Int] = []
    for _ in 0..<dimensions {
      let size = try reader.integer(UInt64.self, "the shape of \(label)")
      guard let size = Int(exactly: size), size > 0 else {
        throw refuse(.malformed, "has a dimension of size \(grouped(size))", FormatError.damaged)
      }
      shape.insert(size, at: 0)
    }
    self.shape = shape
    let id = try reader.integer(UInt32.self, "the type of \(label)")
    guard let type = GGMLTypes.type(id: id) else {
      let (typeName, remedy) = GGMLTypes.refusal(id: id)
      throw refuse(.unsupportedType, "has the type number \(id) (\(typeName)), which is not read", remedy)
    }
    self.type = type
    offset = try reader.integer(UInt64.self, "the offset of \(label)")
    byteCount = try Tensor.byteCount(name: name, shape: shape, type: type, file: reader.file)
  }

  /// Checks where the tensors lie and slices them out of the file.
  static func place(
    _ infos: [GGUFTensorInfo], in bytes: SharedBytes, headerEnd: Int, alignment: Int, file: String
  ) throws(FormatError) -> [Tensor] {
    guard !infos.isEmpty else { return [] }
    // The header lies in the file and alignment in 32 bits, so this cannot overflow.
    let dataStart = (headerEnd + alignment - 1) / alignment * alignment
    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(infos.count)
    for info in infos {
      guard info.offset.isMultiple(of: UInt64(alignment)) else {
        throw FormatError(
          .malformed, file: file, subject: .tensor(info.name), "is not aligned",
          found: "offset \(grouped(info.offset))",
          expected: "a multiple of \(alignment)", remedy: FormatError.damaged)
      }
      let (start, startOverflow) = (Int(exactly: info.offset) ?? .max).addingReportingOverflow(dataStart)
      let (end, endOverflow) = start.addingReportingOverflow(info.byteCount)
      guard !startOverflow, !endOverflow, end <= bytes.count else {
        let place = startOverflow || endOverflow ? "past any file" : "at byte \(grouped(end))"
        throw FormatError(
          .truncated, file: file, subject: .tensor(info.name),
          "ends \(place), but the file has \(grouped(bytes.count))", remedy: FormatError.fetchAgain)
      }
      ranges.append(start..<end)
    }
    let order = ranges.indices.sorted { ranges[$0].lowerBound < ranges[$1].lowerBound }
    for (position, index) in order.enumerated() {
      let next = position + 1 < order.count ? ranges[order[position + 1]].lowerBound : bytes.count
      guard ranges[index].upperBound <= next else {
        throw FormatError(
          .malformed, file: file, subject: .tensor(infos[index].name), offset: next,
          "overlaps tensor \(printable(infos[order[position + 1]].name))", remedy: FormatError.damaged)
      }
      try infos[index].refuseOtherI2S(space: next - ranges[index].lowerBound, alignment: alignment, file: file)
    }
    var tensors: [Tensor] = []
    tensors.reserveCapacity(infos.count)
    for (info, range) in zip(infos, ranges) {
      tensors.append(
        try Tensor(name: info.name, shape: info.shape, type: info.type, bytes: bytes[range], file: file))
    }
    return tensors
  }

  /// Type number 36 has other meanings elsewhere; the space up to the next tensor gives them away.
  private func refuseOtherI2S(space: Int, alignment: Int, file: String) throws(FormatError) {
    guard type == .i2_s else { return }
    func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
    guard space != byteCount, space != padded(byteCount) else { return }
    let blocks = (byteCount - type.trailerBytes) / type.blockBytes
    for (size, name) in [
      (blocks * 36, "a third-party I2_S with a scale in every block of 36 bytes"),
      (blocks * 72, "IQ4_NL_4_4, which ggml removed in 2024"),
    ] where space == size || space == padded(size) {
      throw FormatError(
        .unsupportedType, file: file, subject: .tensor(self.name),
        "has the type number 36, but by its size is \(name)", found: "\(grouped(space)) bytes",
        expected: "\(grouped(byteCount)) for bitnet.cpp's I2_S",
        remedy: "Convert the model again with bitnet.cpp's or this program's converter.")
    }
  }
}
