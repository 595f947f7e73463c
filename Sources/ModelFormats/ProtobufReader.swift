/// Reads the fields of one protobuf message; every length is checked against the message's end.
package struct ProtobufReader {
  /// A field's value, as far as the wire format tells.
  package enum Value {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(Range<Int>)
  }

  /// What is wrong with a message.
  package struct Malformed: Error {
    package let offset: Int
  }

  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  package init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next field, or nil at the end of the message.
  package mutating func next() throws(Malformed) -> (field: Int, value: Value)? {
    guard position < end else { return nil }
    let key = try varint()
    let field = Int(truncatingIfNeeded: key >> 3)
    switch key & 7 {
    case 0: return (field, .varint(try varint()))
    case 1: return (field, .fixed64(try integer(8)))
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else { throw Malformed(offset: position) }
      return (field, .bytes(try take(Int(count))))
    case 5: return (field, .fixed32(UInt32(try integer(4))))
    default: throw Malformed(offset: position)
    }
  }

  private mutating func take(_ count: Int) throws(Malformed) -> Range<Int> {
    guard count <= end - position else { throw Malformed(offset: position) }
    defer { position += count }
    return position..<position + count
  }

  private mutating func integer(_ count: Int) throws(Malformed) -> UInt64 {
    try take(count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
  }

  /// The next bytes as a number, as packed fields hold them.
  package mutating func varint() throws(Malformed) -> UInt64 {
    var result: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < end else { throw Malformed(offset: position) }
      let byte = bytes[position]
      position += 1
      // The tenth byte has one bit left to give.
      guard shift < 63 || byte <= 1 else { throw Malformed(offset: position) }
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return result }
    }
    throw Malformed(offset: position)
  }
}
