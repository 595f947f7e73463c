import Kernels

/// Reads the header of one GGUF file, trusting nothing in it.
///
/// Format: ggml's `docs/gguf.md`; the checks are those of ggml's own reader `gguf.cpp`, but for the offsets: any that
/// are aligned, in the file and free of overlaps are taken.
struct GGUFParser {
  private(set) var version: UInt32 = 0
  private(set) var alignment = 32
  private(set) var metadata: [(key: String, value: GGUFValue)] = []
  private(set) var indexOfKey: [String: Int] = [:]
  private(set) var tensors: [Tensor] = []

  private let file: String
  private var reader: ByteReader

  init(_ bytes: SharedBytes, file: String) throws(FormatError) {
    self.file = file
    reader = ByteReader(bytes, file: file)
    let (tensorCount, keyCount) = try readCounts()
    try readMetadata(count: keyCount)
    try readAlignment()
    let infos = try readTensorInfos(count: tensorCount)
    tensors = try GGUFTensorInfo.place(infos, in: bytes, headerEnd: reader.offset, alignment: alignment, file: file)
  }

  private mutating func readCounts() throws(FormatError) -> (tensors: Int, keys: Int) {
    try FileKind.refuseGitLFSPointer(reader.bytes, file: file)
    let magic = Array("GGUF".utf8)
    guard reader.bytes.count >= 4, reader.bytes.array(0..<4) == magic else {
      let guess = FileKind.guess(reader.bytes)
      throw FormatError(
        .otherFormat, file: file, offset: 0, "is not a GGUF file\(guess.map { ", but \($0)" } ?? "")",
        remedy: "Name a GGUF file of version 2 or 3.")
    }
    _ = try reader.take(4, "the magic number")
    version = try reader.integer(UInt32.self, "the version")
    guard version & 0xFFFF != 0 else {
      throw FormatError(
        .unsupportedVersion, file: file, offset: 4, "is a big-endian GGUF file",
        remedy: "Convert the model again on a little-endian machine.")
    }
    guard version == 2 || version == 3 else {
      throw FormatError(
        .unsupportedVersion, file: file, offset: 4, "has a GGUF version that is not read", found: "\(version)",
        expected: "2 or 3", remedy: "Convert the model again with a present converter.")
    }
    let tensors = try reader.integer(UInt64.self, "the number of tensors")
    let keys = try reader.count(of: "metadata keys", minimumBytes: 8 + 1 + 4 + 1)
    guard tensors <= UInt64(reader.remaining / (8 + 4 + 8 + 4 + 8)) else {
      throw FormatError(
        .malformed, file: file, offset: 8,
        "claims to hold \(grouped(tensors)) tensors, more than the remaining \(grouped(reader.remaining)) bytes can hold",
        remedy: FormatError.damaged)
    }
    return (Int(tensors), keys)
  }

  private mutating func readName(_ what: String, maximum: UInt64) throws(FormatError) -> String {
    let start = reader.offset
    let length = try reader.integer(UInt64.self, "the length of \(what)")
    guard length > 0, length <= maximum else {
      throw FormatError(
        .malformed, file: file, offset: start, "has \(what) of \(grouped(length)) bytes",
        expected: "1 to \(grouped(maximum))", remedy: FormatError.damaged)
    }
    let range = try reader.take(length, what)
    guard let name = String(validating: reader.bytes.array(range), as: UTF8.self) else {
      throw FormatError(
        .malformed, file: file, offset: range.lowerBound, "has \(what) that is not valid UTF-8",
        remedy: FormatError.damaged)
    }
    return name
  }

  // MARK: metadata

  private mutating func readMetadata(count: Int) throws(FormatError) {
    for _ in 0..<count {
      let start = reader.offset
      let key = try readName("a metadata key", maximum: 65_535)
      guard indexOfKey.updateValue(metadata.count, forKey: key) == nil else {
        throw FormatError(
          .malformed, file: file, subject: .key(key), offset: start, "occurs twice", remedy: FormatError.damaged)
      }
      metadata.append((key, try readValue(key: key)))
    }
  }

  private mutating func readType(key: String) throws(FormatError) -> GGUFValueType {
    let start = reader.offset
    let id = try reader.integer(UInt32.self, "the type of key \(printable(key))")
    guard let type = GGUFValueType(rawValue: id) else {
      throw FormatError(
        .malformed, file: file, subject: .key(key), offset: start, "has an unknown value type", found: "\(id)",
        expected: "0 to 12", remedy: FormatError.damaged)
    }
    return type
  }

  private mutating func readValue(key: String) throws(FormatError) -> GGUFValue {
    let type = try readType(key: key)
    switch type {
    case .string:
      let length = try reader.integer(UInt64.self, "the length of key \(printable(key))")
      return .string(reader.bytes.array(try reader.take(length, "the string of key \(printable(key))")))
    case .array:
      return try readArray(key: key)
    default:
      let range = try reader.take(UInt64(type.size ?? 0), "the value of key \(printable(key))")
      try checkBools(type, range, key: key)
      return GGUFValue(type: type, bytes: reader.bytes, at: range.lowerBound)
    }
  }

  private mutating func readArray(key: String) throws(FormatError) -> GGUFValue {
    let start = reader.offset
    let type = try readType(key: key)
    guard type != .array else {
      throw FormatError(
        .malformed, file: file, subject: .key(key), offset: start, "is an array of arrays, which no reader takes",
        remedy: FormatError.damaged)
    }
    let count = try reader.count(of: "elements of key \(printable(key))", minimumBytes: type.size ?? 8)
    if let size = type.size {
      // The product fits: `count` elements were found to fit into the file.
      let range = try reader.take(UInt64(count * size), "the array of key \(printable(key))")
      try checkBools(type, range, key: key)
      return .numbers(GGUFNumberArray(type: type, count: count, bytes: reader.bytes[range]))
    }
    let base = reader.offset
    var starts: [Int] = []
    starts.reserveCapacity(count + 1)
    for index in 0..<count {
      let length = try reader.integer(UInt64.self, "the length of string \(index) of key \(printable(key))")
      starts.append(try reader.take(length, "string \(index) of key \(printable(key))").lowerBound - base)
    }
    starts.append(reader.offset - base + 8)
    return .strings(GGUFStringArray(bytes: reader.bytes[base..<reader.offset], starts: starts))
  }

  private func checkBools(_ type: GGUFValueType, _ range: Range<Int>, key: String) throws(FormatError) {
    guard type == .bool, let bad = range.first(where: { reader.bytes[$0] > 1 }) else { return }
    throw FormatError(
      .malformed, file: file, subject: .key(key), offset: bad, "holds an invalid truth value",
      found: "\(reader.bytes[bad])", expected: "0 or 1", remedy: FormatError.damaged)
  }

  private mutating func readAlignment() throws(FormatError) {
    let key = "general.alignment"
    guard let index = indexOfKey[key] else { return }
    guard case .unsigned(let value, .u32) = metadata[index].value else {
      throw FormatError(
        .wrongType, file: file, subject: .key(key), "has the wrong type", found: metadata[index].value.kind,
        expected: "u32", remedy: FormatError.damaged)
    }
    guard value > 0, value & (value - 1) == 0 else {
      throw FormatError(
        .malformed, file: file, subject: .key(key), "is not a power of two", found: "\(value)",
        remedy: FormatError.damaged)
    }
    alignment = Int(value)
  }

  // MARK: tensors

  private mutating func readTensorInfos(count: Int) throws(FormatError) -> [GGUFTensorInfo] {
    var infos: [GGUFTensorInfo] = []
    infos.reserveCapacity(count)
    var names: Set<String> = []
    for _ in 0..<count {
      let start = reader.offset
      let name = try readName("a tensor name", maximum: 63)
      guard names.insert(name).inserted else {
        throw FormatError(
          .malformed, file: file, subject: .tensor(name), offset: start, "occurs twice", remedy: FormatError.damaged)
      }
      infos.append(try GGUFTensorInfo(name: name, from: &reader))
    }
    return infos
  }
}
