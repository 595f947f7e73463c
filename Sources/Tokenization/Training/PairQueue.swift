/// A pair of neighbouring symbols: the left one in the high half, the right one in the low half.
typealias SymbolPair = UInt64

/// Pairs by how often they occur, the most frequent first; of equally frequent ones the smaller pair first.
///
/// A binary heap whose entries may be out of date: who takes one compares it with the present count.
struct PairQueue {
  /// A pair and how often it occurred when it was put in.
  struct Entry {
    let pair: SymbolPair
    let count: Int

    func comesBefore(_ other: Entry) -> Bool {
      count != other.count ? count > other.count : pair < other.pair
    }
  }

  private var entries: [Entry] = []

  mutating func insert(_ pair: SymbolPair, count: Int) {
    entries.append(Entry(pair: pair, count: count))
    var index = entries.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard entries[index].comesBefore(entries[parent]) else { break }
      entries.swapAt(index, parent)
      index = parent
    }
  }

  mutating func popFirst() -> Entry? {
    guard let first = entries.first, let last = entries.popLast() else { return nil }
    guard !entries.isEmpty else { return first }
    entries[0] = last
    var index = 0
    while true {
      var best = index
      for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
        if entries[child].comesBefore(entries[best]) { best = child }
      }
      guard best != index else { return first }
      entries.swapAt(index, best)
      index = best
    }
  }
}
