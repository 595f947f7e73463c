public import Kernels

/// A named array in a file: where its bytes are and how they are to be read. The bytes are not copied.
public struct Tensor: Sendable {
  /// The name in the file.
  public let name: String
  /// The sizes of the dimensions, slowest first as PyTorch has them: `[outputs, inputs]` for a linear layer.
  public let shape: [Int]
  /// How the elements are encoded.
  public let type: TensorType
  /// The encoded elements, row-major, exactly as many bytes as shape and type demand.
  public let bytes: SharedBytes
  /// The file that the tensor is in, for messages.
  public let file: String

  /// Describes bytes as a tensor.
  ///
  /// - Throws: `malformed` if a size is negative, a row does not hold whole blocks of the type, or the number of bytes
  ///   is not what shape and type demand.
  public init(name: String, shape: [Int], type: TensorType, bytes: SharedBytes, file: String) throws(FormatError) {
    self.name = name
    self.shape = shape
    self.type = type
    self.bytes = bytes
    self.file = file
    let needed = try Tensor.byteCount(name: name, shape: shape, type: type, file: file)
    guard bytes.count == needed else {
      throw FormatError(
        .malformed, file: file, subject: .tensor(name), "has another size than its shape \(shape) as \(type.rawValue)",
        found: "\(grouped(bytes.count)) bytes", expected: grouped(needed))
    }
  }

  /// The number of elements.
  public var elementCount: Int { shape.reduce(1, *) }

  /// The length of a row: the last dimension, or 1 for a scalar.
  public var columns: Int { shape.last ?? 1 }

  /// The number of rows: the product of all dimensions but the last.
  public var rows: Int { shape.dropLast().reduce(1, *) }

  /// All elements as floats, row-major.
  ///
  /// - Throws: `tooLarge` for more than 2³² elements, which are better read row by row.
  public func floats() throws(FormatError) -> [Float] { try floats(rows: 0..<rows) }

  /// The elements of some rows as floats, `[rows.count, columns]`.
  ///
  /// - Throws: `tooLarge` for more than 2³² elements.
  /// - Precondition: the rows lie within the tensor.
  public func floats(rows range: Range<Int>) throws(FormatError) -> [Float] {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    guard range.count * columns <= 1 << 32 else {
      throw FormatError(
        .tooLarge, file: file, subject: .tensor(name), "has too many elements to be decoded at once",
        found: grouped(range.count * columns), expected: "at most \(grouped(1 << 32))")
    }
    return type.dequantized(bytes, rows: range, columns: columns)
  }

  /// The bytes that `shape` takes as `type`, with every product checked.
  static func byteCount(name: String, shape: [Int], type: TensorType, file: String) throws(FormatError) -> Int {
    func refuse(_ code: FormatError.Code, _ problem: String) -> FormatError {
      FormatError(code, file: file, subject: .tensor(name), problem, remedy: FormatError.damaged)
    }
    var rows = 1
    for size in shape.dropLast() {
      let (product, overflow) = rows.multipliedReportingOverflow(by: size)
      guard !overflow, size >= 0 else { throw refuse(.malformed, "has the impossible shape \(shape)") }
      rows = product
    }
    let columns = shape.last ?? 1
    // Also bounds the elements: later products of rows, columns and float sizes need no check of their own.
    let (elements, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow, columns >= 0, elements <= Int.max / 16 else {
      throw refuse(.malformed, "has the impossible shape \(shape)")
    }
    guard let count = type.byteCount(rows: rows, columns: columns) else {
      let run = type == .i2_s ? "its \(grouped(elements)) elements are" : "its rows of \(grouped(columns)) are"
      throw FormatError(
        .malformed, file: file, subject: .tensor(name),
        "cannot be \(type.rawValue): \(run) not a multiple of \(type.blockElements)",
        remedy: "Convert the model again with a type whose blocks fit.")
    }
    return count
  }
}
