public import Kernels

/// An open NumPy `.npy` file of floats: one array, whose bytes stay in the mapped file.
///
/// Format: NumPy's `numpy/lib/format.py`, versions 1.0 to 3.0. Read are little-endian floats of 2, 4 and 8 bytes in C
/// order.
public struct NPYFile: Sendable {
  /// The path, or the name given to bytes that come from no file.
  public let name: String
  /// The array; its name is that of the file.
  public let tensor: Tensor

  /// A header of NumPy is some 100 bytes; this leaves room for very long dtypes.
  private static let maximumHeaderBytes: UInt64 = 1 << 20
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Maps the file and reads its header.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read, is damaged or incomplete, or holds anything but floats in C
  ///   order.
  public init(path: String) throws(FormatError) {
    try self.init(bytes: MappedFile(path: path).bytes, name: path)
  }

  /// Reads a whole file that is in memory.
  ///
  /// - Parameter name: what to call the file in messages.
  /// - Throws: as ``init(path:)``.
  public init(bytes: SharedBytes, name: String) throws(FormatError) {
    self.name = name
    try FileKind.refuseGitLFSPointer(bytes, file: name)
    guard bytes.count >= 8, bytes.array(0..<6) == NPYFile.magic else {
      throw FormatError(
        .otherFormat, file: name, offset: 0, "is not a .npy file\(FileKind.guess(bytes).map { ", but \($0)" } ?? "")",
        remedy: "Save the array with numpy.save.")
    }
    var reader = ByteReader(bytes[8..<bytes.count], file: name)
    let length: UInt64
    switch bytes[6] {
    case 1: length = UInt64(try reader.integer(UInt16.self, "the length of the header"))
    case 2, 3: length = UInt64(try reader.integer(UInt32.self, "the length of the header"))
    default:
      throw FormatError(
        .unsupportedVersion, file: name, offset: 6, "is of a version of .npy that is not read here",
        found: "\(bytes[6]).\(bytes[7])", expected: "1, 2 or 3")
    }
    guard length <= NPYFile.maximumHeaderBytes else {
      throw FormatError(
        .tooLarge, file: name, offset: 8, "has a header of \(grouped(length)) bytes", remedy: FormatError.damaged)
    }
    let range = try reader.take(length, "the header")
    let header = try NPYHeader(reader.bytes.array(range), file: name)
    let data = reader.bytes[range.upperBound..<reader.bytes.count]
    let needed = try Tensor.byteCount(name: name, shape: header.shape, type: header.type, file: name)
    guard data.count >= needed else {
      throw FormatError(
        .truncated, file: name, "is too short for its shape \(header.shape) as \(header.type.rawValue)",
        found: "\(grouped(data.count)) bytes", expected: grouped(needed), remedy: FormatError.fetchAgain)
    }
    tensor = try Tensor(
      name: name, shape: header.shape, type: header.type, bytes: data[0..<needed], file: name)
  }
}

/// The Python dictionary at the beginning of a `.npy` file.
private struct NPYHeader {
  var type = TensorType.f32
  var shape: [Int] = []

  private let text: [UInt8]
  private let file: String
  private var position = 0

  init(_ text: [UInt8], file: String) throws(FormatError) {
    self.text = text
    self.file = file
    var description: String?
    var isFortran: Bool?
    var sizes: [Int]?
    try expect("{")
    while !skip("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr": description = try string()
      case "fortran_order": isFortran = try bool()
      case "shape": sizes = try tuple()
      default: throw malformed("has the unknown key \(printable(key)) in its header")
      }
      if !skip(",") {
        try expect("}")
        break
      }
    }
    guard let description, let isFortran, let sizes else {
      throw malformed("has a header without descr, fortran_order or shape")
    }
    guard let known = [("<f2", TensorType.f16), ("<f4", .f32), ("<f8", .f64)].first(where: { $0.0 == description })
    else {
      throw FormatError(
        .unsupportedType, file: file, "holds elements that are not read here", found: printable(description),
        expected: "<f2, <f4 or <f8", remedy: "Save it with numpy.save(file, array.astype('<f4')).")
    }
    guard !isFortran || sizes.count < 2 else {
      throw FormatError(
        .unsupportedType, file: file, "is in Fortran order",
        remedy: "Save it with numpy.save(file, numpy.ascontiguousarray(array)).")
    }
    type = known.1
    shape = sizes
  }

  private func malformed(_ problem: String) -> FormatError {
    FormatError(.malformed, file: file, offset: position, problem, remedy: "Save the array again with numpy.save.")
  }

  private mutating func skipSpaces() {
    while position < text.count, text[position] == 0x20 || text[position] == 0x0A { position += 1 }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
    guard skip(character) else { throw malformed("has a header without '\(character)' where it belongs") }
  }

  private mutating func string() throws(FormatError) -> String {
    skipSpaces()
    guard position < text.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(text[position]),
      let end = text[(position + 1)...].firstIndex(of: text[position])
    else { throw malformed("has a header with something else where a text belongs") }
    defer { position = end + 1 }
    return String(decoding: text[position + 1..<end], as: UTF8.self)
  }

  private mutating func word() -> [UInt8] {
    skipSpaces()
    let start = position
    while position < text.count, !Array(" ,:)}(\n".utf8).contains(text[position]) { position += 1 }
    return Array(text[start..<position])
  }

  private mutating func bool() throws(FormatError) -> Bool {
    switch String(decoding: word(), as: UTF8.self) {
    case "True": true
    case "False": false
    default: throw malformed("has a fortran_order that is neither True nor False")
    }
  }

  private mutating func tuple() throws(FormatError) -> [Int] {
    try expect("(")
    var sizes: [Int] = []
    while !skip(")") {
      guard let size = Int(String(decoding: word(), as: UTF8.self)), size >= 0, sizes.count < 32 else {
        throw malformed("has a shape that is no list of sizes")
      }
      sizes.append(size)
      if !skip(",") {
        try expect(")")
        break
      }
    }
    return sizes
  }
}
