/// Finds the number of a byte string: a flat open-addressing hash table over a `ByteStrings` list.
///
/// Keys are bytes, never `String`: two strings that are canonically equivalent ("é" as one scalar or as two) are equal
/// to Swift and are different tokens to a model.
package struct ByteStringTable: Sendable {
  /// Every string that was added, by number. Numbers need not be in the table: see `insert`.
  package private(set) var strings: ByteStrings
  /// Number + 1, or 0 for a free slot.
  private var slots: [UInt32]
  /// Some hash bits of the string in the slot, so that most mismatches are seen without looking at the string.
  private var tags: [UInt32]
  private var used = 0

  /// A table without keys over `strings`; `insert` makes a string findable.
  package init(strings: ByteStrings) {
    self.strings = strings
    let capacity = Self.capacity(for: strings.count)
    slots = Array(repeating: 0, count: capacity)
    tags = Array(repeating: 0, count: capacity)
  }

  private static func capacity(for count: Int) -> Int {
    var capacity = 64
    while capacity < count * 2 { capacity *= 2 }
    return capacity
  }

  /// Makes string number `index` findable, unless an equal one already is.
  ///
  /// - Returns: whether `index` is what a search for this string now gives.
  package mutating func insert(_ index: Int) -> Bool {
    if used * 2 >= slots.count { grow() }
    let range = strings.range(index)
    let hash = Self.hash(strings.bytes, range)
    let (slot, found) = probe(strings.bytes, range, hash)
    guard found == nil else { return false }
    slots[slot] = UInt32(truncatingIfNeeded: index + 1)
    tags[slot] = UInt32(truncatingIfNeeded: hash >> 32)
    used += 1
    return true
  }

  /// Adds a string at the end of the list and makes it findable.
  ///
  /// - Returns: the number of the equal string that was there, or of the new one.
  package mutating func findOrAppend(_ text: [UInt8]) -> Int {
    if let index = find(text, 0..<text.count) { return index }
    strings.append(text)
    _ = insert(strings.count - 1)
    return strings.count - 1
  }

  /// The number of the string equal to `text[range]`.
  package func find(_ text: [UInt8], _ range: Range<Int>) -> Int? {
    probe(text, range, Self.hash(text, range)).found
  }

  /// As `find`, for a hash that the caller has built up byte by byte with `extend`.
  package func find(_ text: [UInt8], _ range: Range<Int>, unfinishedHash: UInt64) -> Int? {
    probe(text, range, Self.finish(unfinishedHash)).found
  }

  private func probe(_ text: [UInt8], _ range: Range<Int>, _ hash: UInt64) -> (slot: Int, found: Int?) {
    let mask = slots.count - 1
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      if tags[slot] == tag {
        let index = Int(slots[slot]) - 1
        if equal(index, text, range) { return (slot, index) }
      }
      slot = (slot + 1) & mask
    }
    return (slot, nil)
  }

  private func equal(_ index: Int, _ text: [UInt8], _ range: Range<Int>) -> Bool {
    let own = strings.range(index)
    guard own.count == range.count else { return false }
    for offset in 0..<own.count
    where strings.bytes[own.lowerBound + offset] != text[range.lowerBound + offset] {
      return false
    }
    return true
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: 0, count: old.count * 2)
    tags = Array(repeating: 0, count: old.count * 2)
    used = 0
    for slot in old where slot != 0 { _ = insert(Int(slot) - 1) }
  }

  /// The hash of no bytes, to be extended (FNV-1a).
  package static let emptyHash: UInt64 = 0xcbf2_9ce4_8422_2325

  package static func extend(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
  }

  private static func hash(_ text: [UInt8], _ range: Range<Int>) -> UInt64 {
    var hash = emptyHash
    for index in range { hash = extend(hash, text[index]) }
    return finish(hash)
  }

  /// Spreads the bits: FNV alone leaves the low bits, which choose the slot, poorly mixed.
  private static func finish(_ hash: UInt64) -> UInt64 {
    var hash = hash
    hash ^= hash >> 32
    hash &*= 0xd6e8_feb8_6659_fd93
    hash ^= hash >> 32
    return hash
  }
}
