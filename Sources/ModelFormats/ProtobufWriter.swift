/// Bytes of one protobuf message, field by field.
package struct ProtobufWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func append(_ field: Int, varint value: UInt64) {
    append(UInt64(field) << 3)
    append(value)
  }

  package mutating func append(_ field: Int, _ value: Double) {
    append(UInt64(field) << 3 | 1)
    appendLittleEndian(value.bitPattern)
  }

  package mutating func append(_ field: Int, _ value: Float) {
    append(UInt64(field) << 3 | 5)
    appendLittleEndian(value.bitPattern)
  }

  package mutating func append(_ field: Int, _ value: String) { append(field, Array(value.utf8)) }

  /// A string, a byte string or a message.
  package mutating func append(_ field: Int, _ value: [UInt8]) {
    append(UInt64(field) << 3 | 2)
    append(UInt64(value.count))
    bytes += value
  }

  /// Without key, as in a packed field or before a record.
  package mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  private mutating func append(_ varint: UInt64) {
    var rest = varint
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
