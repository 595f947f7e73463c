/// Checks text that is to stay bytes.
enum UTF8Validation {
  /// The offset of the first byte that does not continue valid UTF-8 (Unicode standard, table 3-7), or `nil`.
  static func firstInvalid(_ bytes: [UInt8]) -> Int? {
    var index = 0
    while index < bytes.count {
      let lead = bytes[index]
      if lead < 0x80 {
        index += 1
        continue
      }
      guard let (length, second) = continuation(of: lead) else { return index }
      guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return index }
      for other in stride(from: index + 2, to: index + length, by: 1) where bytes[other] & 0xC0 != 0x80 { return index }
      index += length
    }
    return nil
  }

  /// How long the sequence is that a byte begins, and what its second byte may be.
  private static func continuation(of lead: UInt8) -> (length: Int, second: ClosedRange<UInt8>)? {
    switch lead {
    case 0xC2...0xDF: (2, 0x80...0xBF)
    case 0xE0: (3, 0xA0...0xBF)
    case 0xED: (3, 0x80...0x9F)
    case 0xE1...0xEF: (3, 0x80...0xBF)
    case 0xF0: (4, 0x90...0xBF)
    case 0xF1...0xF3: (4, 0x80...0xBF)
    case 0xF4: (4, 0x80...0x8F)
    default: nil
    }
  }
}
