/// The ids by which requests are found in logs.
enum RequestID {
  /// The client's own id if it is one that a log can hold, or a new one.
  static func accepted(_ proposed: String?) -> String {
    guard let proposed, (1...128).contains(proposed.utf8.count),
      proposed.utf8.allSatisfy({ isPlain($0) })
    else { return random(length: 24) }
    return proposed
  }

  /// Letters and digits without pattern.
  static func random(length: Int) -> String {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return String((0..<length).compactMap { _ in alphabet.randomElement() })
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
      true
    default: false
    }
  }
}
