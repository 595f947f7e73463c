/// Bytes that grow by little-endian values.
package struct LittleEndianBytes: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func append(_ value: Float) { append(value.bitPattern) }
  package mutating func append(_ value: Double) { append(value.bitPattern) }
  package mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

  /// Adds zero bytes up to a multiple of `alignment`.
  package mutating func pad(to alignment: Int) {
    while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
  }
}

extension [Float] {
  /// The floats as they stand in a file.
  package var littleEndianBytes: [UInt8] {
    var result = LittleEndianBytes()
    for value in self { result.append(value) }
    return result.bytes
  }
}

extension [UInt8] {
  /// The bytes with the value written over those at `offset`.
  package func replacing(at offset: Int, with value: some FixedWidthInteger) -> [UInt8] {
    var copy = self
    var number = LittleEndianBytes()
    number.append(value)
    copy.replaceSubrange(offset..<(offset + number.bytes.count), with: number.bytes)
    return copy
  }
}
