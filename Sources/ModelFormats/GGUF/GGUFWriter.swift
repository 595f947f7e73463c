package import Kernels

/// A metadata value to be written.
package enum GGUFNewValue: Sendable {
  case u32(UInt32)
  case u64s([UInt64])
  case f32(Float)
  case bool(Bool)
  case string(String)
  case u32s([UInt32])
  case i32s([Int32])
  case f32s([Float])
  case strings([String])
  /// Tokens, which need not be valid UTF-8.
  case byteStrings([[UInt8]])
  /// A value of another file, as it stands there.
  case copied(GGUFValue)
}

/// What a GGUF file will hold, known before the first tensor is written: so the header, offsets included, comes first
/// and every tensor can be written when it is ready.
package struct GGUFLayout: Sendable {
  /// A tensor's name, shape `[outputs, inputs]`, type, and place.
  package struct Entry: Sendable {
    package let name: String
    package let shape: [Int]
    package let type: TensorType
    package let byteCount: Int
    /// From the beginning of the file.
    package let offset: Int
  }

  package let header: SharedBytes
  package let entries: [Entry]
  /// The size of the whole file.
  package let byteCount: Int

  /// Lays out a file of version 3.
  ///
  /// - Parameter file: the name for messages.
  /// - Throws: `malformed` if a name is too long or used twice, or a shape does not fit its type.
  package init(
    metadata: [(key: String, value: GGUFNewValue)], tensors: [(name: String, shape: [Int], type: TensorType)],
    alignment: Int = 32, file: String
  ) throws(FormatError) {
    precondition(alignment > 0 && alignment & (alignment - 1) == 0, "alignment \(alignment)")
    var metadata = metadata
    if alignment != 32 { metadata.append(("general.alignment", .u32(UInt32(alignment)))) }
    func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }
    var header = GGUFHeaderBytes()
    header.append(Array("GGUF".utf8))
    header.append(UInt32(3))
    header.append(UInt64(tensors.count))
    header.append(UInt64(metadata.count))
    for (key, value) in metadata {
      header.append(string: Array(key.utf8))
      header.append(value)
    }
    var names: Set<String> = []
    var places: [(offset: Int, count: Int)] = []
    var end = 0
    for (name, shape, type) in tensors {
      guard let id = GGMLTypes.id(of: type), name.utf8.count < 64, names.insert(name).inserted, shape.count <= 4 else {
        throw FormatError(
          .malformed, file: file, subject: .tensor(name), "cannot be written",
          found: "\(name.utf8.count) bytes of name, shape \(shape) as \(type.rawValue)",
          expected: "an unused name below 64 bytes, at most 4 dimensions, a type that GGUF has")
      }
      let count = try Tensor.byteCount(name: name, shape: shape, type: type, file: file)
      header.append(string: Array(name.utf8))
      header.append(UInt32(shape.count))
      for size in shape.reversed() { header.append(UInt64(size)) }
      header.append(id)
      header.append(UInt64(end))
      places.append((end, count))
      end += padded(count)
    }
    while !header.bytes.count.isMultiple(of: alignment) { header.append([0]) }
    let start = header.bytes.count
    self.header = SharedBytes(copying: header.bytes)
    entries = zip(tensors, places).map { tensor, place in
      Entry(
        name: tensor.name, shape: tensor.shape, type: tensor.type, byteCount: place.count, offset: start + place.offset)
    }
    byteCount = start + end
  }
}

/// Writes a laid-out GGUF file: it appears under its name when the last tensor is in it.
package final class GGUFWriter {
  package let layout: GGUFLayout
  private var header: SharedBytes
  private let file: NewFile
  private var written: [Int]

  /// Begins the file.
  ///
  /// - Throws: `unwritable`.
  package init(path: String, layout: GGUFLayout) throws(FormatError) {
    self.layout = layout
    written = Array(repeating: 0, count: layout.entries.count)
    header = layout.header
    file = try NewFile(path: path)
  }

  /// Puts another header in front, whose values were not known at the beginning.
  ///
  /// - Precondition: it is as long.
  package func replaceHeader(_ other: GGUFLayout) {
    precondition(other.header.count == header.count && other.byteCount == layout.byteCount, "another layout")
    header = other.header
  }

  /// Writes the next bytes of a tensor. Tensors may be written in any order.
  ///
  /// - Throws: `unwritable`.
  /// - Precondition: no more bytes come than the tensor has.
  package func append(_ bytes: SharedBytes, to index: Int) throws(FormatError) {
    let entry = layout.entries[index]
    precondition(written[index] + bytes.count <= entry.byteCount, "too many bytes for \(entry.name)")
    try file.write(bytes, at: entry.offset + written[index])
    written[index] += bytes.count
  }

  /// Writes the header, and gives the file its name.
  ///
  /// - Throws: `unwritable`.
  /// - Precondition: every tensor was written.
  package func finish() throws(FormatError) { try complete().publish() }

  /// Writes the header, after which the file is whole.
  ///
  /// - Returns: the file, which can be read at its partial path and has not got its name.
  /// - Throws: `unwritable`.
  /// - Precondition: every tensor was written.
  package func complete() throws(FormatError) -> NewFile {
    for (entry, count) in zip(layout.entries, written) {
      precondition(count == entry.byteCount, "\(entry.name) has \(count) of \(entry.byteCount) bytes")
    }
    try file.write(header, at: 0)
    try file.complete(count: layout.byteCount)
    return file
  }
}

/// The bytes of a header as they grow.
private struct GGUFHeaderBytes {
  var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func append(_ other: [UInt8]) { bytes += other }

  mutating func append(string: [UInt8]) {
    append(UInt64(string.count))
    bytes += string
  }

  private mutating func begin(_ type: GGUFValueType) { append(type.rawValue) }

  private mutating func array<Element>(
    _ type: GGUFValueType, _ values: [Element], _ write: (inout Self, Element) -> Void
  ) {
    begin(.array)
    append(type.rawValue)
    append(UInt64(values.count))
    for value in values { write(&self, value) }
  }

  mutating func append(_ value: GGUFNewValue) {
    switch value {
    case .u32(let value):
      begin(.u32)
      append(value)
    case .f32(let value):
      begin(.f32)
      append(value.bitPattern)
    case .bool(let value):
      begin(.bool)
      append(UInt8(value ? 1 : 0))
    case .string(let text):
      begin(.string)
      append(string: Array(text.utf8))
    case .u32s(let values): array(.u32, values) { $0.append($1) }
    case .u64s(let values): array(.u64, values) { $0.append($1) }
    case .i32s(let values): array(.i32, values) { $0.append($1) }
    case .f32s(let values): array(.f32, values) { $0.append($1.bitPattern) }
    case .strings(let values): array(.string, values) { $0.append(string: Array($1.utf8)) }
    case .byteStrings(let values): array(.string, values) { $0.append(string: $1) }
    case .copied(let value): append(copied: value)
    }
  }

  private mutating func append(copied value: GGUFValue) {
    switch value {
    case .unsigned(_, let type), .signed(_, let type), .float(_, let type): begin(type)
    case .bool: begin(.bool)
    case .string(let bytes):
      begin(.string)
      return append(string: bytes)
    case .numbers(let numbers):
      return array(numbers.type, Array(0..<numbers.count)) { $0.append(plain: numbers[$1]) }
    case .strings(let strings):
      return array(.string, Array(0..<strings.count)) { $0.append(string: strings[$1]) }
    }
    append(plain: value)
  }

  /// A value of fixed size, without its type.
  private mutating func append(plain value: GGUFValue) {
    switch value {
    case .unsigned(let number, let type): append(number, size: type.size)
    case .signed(let number, let type): append(UInt64(bitPattern: number), size: type.size)
    case .float(let number, .f64): append(number.bitPattern)
    case .float(let number, _): append(Float(number).bitPattern)
    case .bool(let value): append(UInt8(value ? 1 : 0))
    case .string, .numbers, .strings: preconditionFailure("\(value.kind) has no fixed size")
    }
  }

  private mutating func append(_ number: UInt64, size: Int?) {
    for byte in 0..<(size ?? 8) { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(byte)))) }
  }
}
