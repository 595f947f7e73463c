/// Turns tokens into text one by one, as a model produces them, holding back the bytes of an unfinished character.
///
/// The concatenation of everything `append` and `finish` return is what `Tokenizer.decode` gives for the same tokens.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let includesSpecialTokens: Bool
  private var spaceRule: LeadingSpaceRule.State
  /// At most three bytes: a character whose last bytes have not come yet.
  private var pending: [UInt8] = []

  init(tokenizer: Tokenizer, includingSpecialTokens: Bool, continuing: Bool) {
    self.tokenizer = tokenizer
    includesSpecialTokens = includingSpecialTokens
    spaceRule = LeadingSpaceRule.State(isStart: !continuing)
  }

  /// - Returns: the text that has become complete; often empty in the middle of a character.
  public mutating func append(_ token: Int) -> String {
    tokenizer.appendBytes(of: token, includingSpecialTokens: includesSpecialTokens, &spaceRule, to: &pending)
    let complete = pending.count - Self.unfinishedCount(pending)
    guard complete > 0 else { return "" }
    let text = String(decoding: pending[..<complete], as: UTF8.self)
    pending.removeFirst(complete)
    return text
  }

  /// - Returns: U+FFFD if the tokens ended inside a character, else nothing.
  public mutating func finish() -> String {
    defer { pending.removeAll() }
    return String(decoding: pending, as: UTF8.self)
  }

  /// Number of bytes at the end that begin a character which more bytes could complete.
  private static func unfinishedCount(_ bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.count - count]
      if lead & 0xC0 == 0x80 { continue }
      let length =
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      guard count < length else { return 0 }
      guard count > 1 else { return 1 }
      // The second byte is restricted after some leads: overlong forms, surrogates, beyond U+10FFFF.
      let second = bytes[bytes.count - count + 1]
      let allowed: ClosedRange<UInt8> =
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
      return allowed.contains(second) ? count : 0
    }
    return 0
  }
}
