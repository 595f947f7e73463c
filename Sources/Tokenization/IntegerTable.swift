/// A map from 64-bit keys to 64-bit values: a flat open-addressing hash table without per-entry allocation.
package struct IntegerTable: Sendable {
  /// Marks a free slot; it is no valid key.
  private static let free = UInt64.max
  private var keys: [UInt64]
  private var values: [UInt64]
  package private(set) var count = 0

  package init(minimumCapacity: Int = 0) {
    var capacity = 16
    while capacity < minimumCapacity * 2 { capacity *= 2 }
    keys = Array(repeating: Self.free, count: capacity)
    values = Array(repeating: 0, count: capacity)
  }

  /// The value of `key`, which must not be `UInt64.max`.
  package subscript(key: UInt64) -> UInt64? {
    let slot = slot(of: key)
    return keys[slot] == key ? values[slot] : nil
  }

  /// Adds a pair unless the key is there already.
  ///
  /// - Returns: whether it was added.
  @discardableResult
  package mutating func insert(_ key: UInt64, _ value: UInt64) -> Bool {
    if (count + 1) * 2 > keys.count { grow() }
    let slot = slot(of: key)
    guard keys[slot] != key else { return false }
    keys[slot] = key
    values[slot] = value
    count += 1
    return true
  }

  private func slot(of key: UInt64) -> Int {
    let mask = keys.count - 1
    var hash = key &* 0x9e37_79b9_7f4a_7c15
    hash ^= hash >> 32
    var slot = Int(truncatingIfNeeded: hash) & mask
    while keys[slot] != key && keys[slot] != Self.free { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow() {
    let old = self
    keys = Array(repeating: Self.free, count: old.keys.count * 2)
    values = Array(repeating: 0, count: old.keys.count * 2)
    count = 0
    for (key, value) in zip(old.keys, old.values) where key != Self.free { insert(key, value) }
  }
}
