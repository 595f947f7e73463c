/// The ids of short pieces met earlier in the same call, in a table of fixed size where a newcomer replaces what has its
/// slot.
struct PieceCache {
  /// Longest piece that is remembered, in bytes, and most ids it may have.
  static let longestPiece = 15
  private static let mostIds = 4
  private static let slots = 1 << 14
  /// Below this many bytes of text the table costs more than it saves.
  static let worthwhileTextLength = 1 << 13

  /// A piece of up to 15 bytes with its length, so that equal keys are equal pieces.
  typealias Key = SIMD2<UInt64>

  private struct Entry {
    var key = Key(repeating: 0)
    var ids = SIMD4<UInt32>(repeating: 0)
    var count = 0
  }
  private var entries: [Entry]

  init(textLength: Int) {
    entries = textLength >= Self.worthwhileTextLength ? Array(repeating: Entry(), count: Self.slots) : []
  }

  /// The key of `text[range]`, or nil if such a piece is not remembered.
  func key(_ text: [UInt8], _ range: Range<Int>) -> Key? {
    guard !entries.isEmpty, range.count <= Self.longestPiece else { return nil }
    var key = Key(0, UInt64(range.count) << 56)
    for offset in 0..<range.count {
      key[offset >> 3] |= UInt64(text[range.lowerBound + offset]) << UInt64((offset & 7) * 8)
    }
    return key
  }

  private func slot(_ key: Key) -> Int {
    var hash = (key[0] ^ key[1] &* 0x9e37_79b9_7f4a_7c15) &* 0xd6e8_feb8_6659_fd93
    hash ^= hash >> 32
    return Int(truncatingIfNeeded: hash) & (Self.slots - 1)
  }

  /// Appends the remembered ids of the piece to `ids`.
  ///
  /// - Returns: whether the piece was remembered.
  func append(_ key: Key, to ids: inout [Int]) -> Bool {
    let entry = entries[slot(key)]
    // A free slot has length 0, which no key has: pieces are not empty.
    guard entry.key == key else { return false }
    for index in 0..<entry.count { ids.append(Int(entry.ids[index])) }
    return true
  }

  mutating func remember(_ key: Key, _ ids: ArraySlice<Int>) {
    guard ids.count <= Self.mostIds else { return }
    var entry = Entry(key: key, count: ids.count)
    for (index, id) in ids.enumerated() { entry.ids[index] = UInt32(truncatingIfNeeded: id) }
    entries[slot(key)] = entry
  }
}
