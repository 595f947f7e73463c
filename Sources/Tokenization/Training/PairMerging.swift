/// Words as sequences of symbols, and how often each pair of neighbours occurs in them; merging a pair updates both.
struct PairMerging {
  /// The symbols of all words, each word in the place it had at first, which it fills less and less.
  private var symbols: [UInt32] = []
  private var starts: [Int] = [0]
  private var lengths: [Int] = []
  /// How often each word occurs.
  private let counts: [Int]

  /// Numbers of pairs.
  private var numbers = IntegerTable()
  private var pairs: [SymbolPair] = []
  private var pairCounts: [Int] = []
  /// Words in which each pair occurs or once occurred.
  private var pairWords: [[UInt32]] = []
  private var queue = PairQueue()
  /// Pairs that the merge under way made more frequent.
  private var grown: [Int] = []
  private var hasGrown: [Bool] = []

  /// - Parameters:
  ///   - words: the bytes of each word.
  ///   - counts: how often each occurs.
  ///   - symbolOfByte: the symbol that each byte is at first.
  init(words: ByteStrings, counts: [Int], symbolOfByte: [UInt32]) {
    self.counts = counts
    symbols.reserveCapacity(words.bytes.count)
    for word in 0..<words.count {
      for byte in words[word] { symbols.append(symbolOfByte[Int(byte)]) }
      starts.append(symbols.count)
      lengths.append(words.range(word).count)
    }
    for word in 0..<words.count {
      for index in starts[word]..<max(starts[word], starts[word + 1] - 1) {
        change(symbols[index], symbols[index + 1], by: counts[word], in: word)
      }
    }
    enqueueGrown()
  }

  /// The symbols of all words, counted as often as the words occur.
  var symbolCount: Int { zip(counts, lengths).reduce(0) { $0 + $1.0 * $1.1 } }

  /// The most frequent pair and its count; `nil` when no word has two symbols any more.
  mutating func mostFrequentPair() -> (left: UInt32, right: UInt32, count: Int)? {
    while let entry = queue.popFirst() {
      guard let number = numbers[entry.pair] else { continue }
      let count = pairCounts[Int(number)]
      if count == entry.count {
        return (UInt32(entry.pair >> 32), UInt32(truncatingIfNeeded: entry.pair), count)
      }
      if count > 0 { queue.insert(entry.pair, count: count) }
    }
    return nil
  }

  /// Makes every occurrence of a pair one symbol.
  mutating func merge(_ left: UInt32, _ right: UInt32, into result: UInt32) {
    guard let number = numbers[Self.pair(left, right)] else { return }
    let words = pairWords[Int(number)]
    pairWords[Int(number)] = []
    for word in words { merge(left, right, into: result, in: Int(word)) }
    pairCounts[Int(number)] = 0
    enqueueGrown()
  }

  private mutating func merge(_ left: UInt32, _ right: UInt32, into result: UInt32, in word: Int) {
    let start = starts[word]
    let end = start + lengths[word]
    let count = counts[word]
    var output = start
    var input = start
    while input < end {
      let symbol = symbols[input]
      guard symbol == left, input + 1 < end, symbols[input + 1] == right else {
        symbols[output] = symbol
        output += 1
        input += 1
        continue
      }
      if output > start {
        change(symbols[output - 1], left, by: -count, in: word)
        change(symbols[output - 1], result, by: count, in: word)
      }
      if input + 2 < end {
        change(right, symbols[input + 2], by: -count, in: word)
        change(result, symbols[input + 2], by: count, in: word)
      }
      symbols[output] = result
      output += 1
      input += 2
    }
    lengths[word] = output - start
  }

  private static func pair(_ left: UInt32, _ right: UInt32) -> SymbolPair { UInt64(left) << 32 | UInt64(right) }

  private mutating func change(_ left: UInt32, _ right: UInt32, by count: Int, in word: Int) {
    let number = number(of: Self.pair(left, right))
    pairCounts[number] += count
    guard count > 0 else { return }
    if pairWords[number].last != UInt32(word) { pairWords[number].append(UInt32(word)) }
    if !hasGrown[number] {
      hasGrown[number] = true
      grown.append(number)
    }
  }

  private mutating func number(of pair: SymbolPair) -> Int {
    if let number = numbers[pair] { return Int(number) }
    pairs.append(pair)
    pairCounts.append(0)
    pairWords.append([])
    hasGrown.append(false)
    numbers.insert(pair, UInt64(pairs.count - 1))
    return pairs.count - 1
  }

  private mutating func enqueueGrown() {
    for number in grown {
      hasGrown[number] = false
      if pairCounts[number] > 0 { queue.insert(pairs[number], count: pairCounts[number]) }
    }
    grown.removeAll(keepingCapacity: true)
  }
}
