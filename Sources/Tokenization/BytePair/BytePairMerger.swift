/// Merges the symbols of one piece of text, lowest rank first and leftmost among equals.
///
/// Symbols form a linked list and candidate pairs a binary heap, so a piece of n symbols costs O(n log n) whatever it
/// holds. Scratch memory is kept from piece to piece.
struct BytePairMerger {
  private static let none = UInt32.max

  private var symbols: [UInt32] = []
  /// Where each symbol's text begins.
  private var starts: [Int] = []
  private var next: [UInt32] = []
  private var previous: [UInt32] = []
  /// Rank of the merge of this symbol with the next one; `none` where they do not merge. It tells a live heap entry from
  /// a stale one.
  private var ranks: [UInt32] = []
  private var results: [UInt32] = []
  /// Rank << 32 | position: the order of these integers is the order of merging.
  private var heap: [UInt64] = []
  /// Heap moves so far; what the cost of merging is proportional to.
  private(set) var steps = 0

  /// Pieces longer than this are encoded in parts: positions and the mark `none` must fit 32 bits.
  static let longestPiece = 1 << 31

  mutating func removeAll() {
    symbols.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
  }

  /// Adds a symbol at the end whose text begins at `start`.
  mutating func append(_ symbol: UInt32, start: Int) {
    symbols.append(symbol)
    starts.append(start)
  }

  mutating func merge(_ table: MergeTable) {
    let count = symbols.count
    guard count > 1 else { return }
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    ranks.removeAll(keepingCapacity: true)
    results.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    for index in 0..<count {
      next.append(index + 1 < count ? UInt32(index + 1) : Self.none)
      previous.append(index > 0 ? UInt32(index - 1) : Self.none)
      ranks.append(Self.none)
      results.append(0)
    }
    for index in 0..<count - 1 { consider(index, table) }
    while let entry = pop() {
      let position = Int(entry & 0xFFFF_FFFF)
      guard UInt64(ranks[position]) == entry >> 32 else { continue }
      let right = Int(next[position])
      symbols[position] = results[position]
      ranks[right] = Self.none
      next[position] = next[right]
      if next[right] != Self.none { previous[Int(next[right])] = UInt32(position) }
      consider(position, table)
      if previous[position] != Self.none { consider(Int(previous[position]), table) }
    }
  }

  /// Looks up whether the symbol at `position` merges with its right neighbour and queues it.
  private mutating func consider(_ position: Int, _ table: MergeTable) {
    let right = next[position]
    guard right != Self.none, let merge = table.merge(symbols[position], symbols[Int(right)]) else {
      ranks[position] = Self.none
      return
    }
    ranks[position] = UInt32(truncatingIfNeeded: merge >> 32)
    results[position] = UInt32(truncatingIfNeeded: merge)
    push(merge & 0xFFFF_FFFF_0000_0000 | UInt64(position))
  }

  /// The remaining symbols in order, each with the range of its text; `end` is where the piece's text ends.
  func forEach(end: Int, _ body: (UInt32, Range<Int>) -> Void) {
    guard !symbols.isEmpty else { return }
    guard symbols.count > 1 else { return body(symbols[0], starts[0]..<end) }
    var position = 0
    while true {
      let following = next[position]
      guard following != Self.none else { return body(symbols[position], starts[position]..<end) }
      body(symbols[position], starts[position]..<starts[Int(following)])
      position = Int(following)
    }
  }

  private mutating func push(_ entry: UInt64) {
    heap.append(entry)
    var child = heap.count - 1
    steps += 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[parent] > entry else { break }
      heap[child] = heap[parent]
      child = parent
      steps += 1
    }
    heap[child] = entry
  }

  private mutating func pop() -> UInt64? {
    guard let top = heap.first, let last = heap.popLast() else { return nil }
    steps += 1
    guard !heap.isEmpty else { return top }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < last else { break }
      heap[parent] = heap[child]
      parent = child
      steps += 1
    }
    heap[parent] = last
    return top
  }
}
