/// Which neighbouring symbols merge, in which order, into what.
///
/// A symbol is a token of the vocabulary (its id) or, at and above `vocabularySize`, a string that merges mention
/// although no token stands for it.
package struct MergeTable: Sendable {
  /// Marks text that is no symbol at all and merges with nothing.
  static let noSymbol = UInt32.max
  /// Key: left symbol in the high half, right symbol in the low half. Value: rank in the high half, result in the low.
  private var table: IntegerTable
  /// What symbols stand for.
  private(set) var symbols: ByteStringTable
  /// Number of tokens of the vocabulary; symbols below it are token ids.
  let vocabularySize: Int
  /// Merges that gave no entry because an equal pair came before them.
  private(set) var duplicateMerges = 0
  /// Merges of which a part or the result is no token.
  private(set) var mergesWithoutToken = 0

  /// Merges listed by rank, as BPE training writes them.
  ///
  /// - Parameters:
  ///   - symbols: findable: the text of every token that merging may produce.
  ///   - pairs: strings 2i and 2i+1 are the parts of the merge of rank i.
  package init(symbols: ByteStringTable, vocabularySize: Int, pairs: ByteStrings) {
    self.symbols = symbols
    self.vocabularySize = vocabularySize
    table = IntegerTable(minimumCapacity: pairs.count / 2)
    var joined: [UInt8] = []
    for rank in 0..<pairs.count / 2 {
      let left = self.symbols.findOrAppend(Array(pairs[2 * rank]))
      let right = self.symbols.findOrAppend(Array(pairs[2 * rank + 1]))
      joined.removeAll(keepingCapacity: true)
      joined.append(contentsOf: pairs[2 * rank])
      joined.append(contentsOf: pairs[2 * rank + 1])
      let result = self.symbols.findOrAppend(joined)
      if max(left, right, result) >= vocabularySize { mergesWithoutToken += 1 }
      if !insert(left, right, rank: rank, result: result) { duplicateMerges += 1 }
    }
  }

  /// Merges implied by scores, as SentencePiece's BPE has them: two symbols merge if their concatenation is a token,
  /// the token of the highest score first.
  ///
  /// - Parameters:
  ///   - symbols: findable: the text of every token that merging may produce.
  ///   - scores: one per token; tokens that are not findable are ignored.
  ///   - alphabet: what a piece of text is before merging.
  package init(
    symbols: ByteStringTable, vocabularySize: Int, scores: [Float], alphabet: BytePairModel.Alphabet = .scalars
  ) {
    self.symbols = symbols
    self.vocabularySize = vocabularySize
    let strings = symbols.strings
    let mergeable = (0..<min(vocabularySize, scores.count)).filter { id in
      symbols.find(strings.bytes, strings.range(id)) == id
    }
    // Not-a-number compares with nothing; it ranks last.
    let ordered = mergeable.map { (id: $0, score: scores[$0].isNaN ? -Float.infinity : scores[$0]) }
      .sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }
    table = IntegerTable(minimumCapacity: ordered.count * 4)
    var rank = -1
    var previousScore: Float?
    for (id, score) in ordered {
      // Equal scores are equal in rank: the leftmost pair wins.
      if score != previousScore { rank += 1 }
      previousScore = score
      addSplits(of: id, rank: rank, strings, alphabet)
    }
  }

  /// Adds every pair of symbols that concatenates to token `id`: parts are tokens or single characters.
  private mutating func addSplits(
    of id: Int, rank: Int, _ strings: ByteStrings, _ alphabet: BytePairModel.Alphabet
  ) {
    let whole = strings.range(id)
    guard whole.count > 1 else { return }
    var hash = ByteStringTable.emptyHash
    var middle = whole.lowerBound
    let firstCharacterEnd = alphabet.symbolEnd(strings.bytes, whole.lowerBound, whole.upperBound)
    while middle < whole.upperBound {
      let next = alphabet.symbolEnd(strings.bytes, middle, whole.upperBound)
      for index in middle..<next { hash = ByteStringTable.extend(hash, strings.bytes[index]) }
      middle = next
      guard middle < whole.upperBound else { return }
      let prefix = whole.lowerBound..<middle
      var left = symbols.find(strings.bytes, prefix, unfinishedHash: hash)
      if left == nil, middle == firstCharacterEnd { left = symbols.findOrAppend(Array(strings.bytes[prefix])) }
      guard let left else { continue }
      let suffix = middle..<whole.upperBound
      var right = symbols.find(strings.bytes, suffix)
      if right == nil, alphabet.symbolEnd(strings.bytes, middle, whole.upperBound) == whole.upperBound {
        right = symbols.findOrAppend(Array(strings.bytes[suffix]))
      }
      guard let right else { continue }
      insert(left, right, rank: rank, result: id)
    }
  }

  /// Where the character that begins at `start` ends, by its lead byte; malformed bytes are characters of one byte.
  static func characterEnd(_ bytes: [UInt8], _ start: Int, _ limit: Int) -> Int {
    let length =
      switch bytes[start] {
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 1
      }
    return min(start + length, limit)
  }

  @discardableResult
  private mutating func insert(_ left: Int, _ right: Int, rank: Int, result: Int) -> Bool {
    table.insert(
      UInt64(left) << 32 | UInt64(right),
      UInt64(UInt32(clamping: rank)) << 32 | UInt64(UInt32(truncatingIfNeeded: result)))
  }

  /// Rank and result of merging two neighbours, packed as rank << 32 | result, if they merge.
  func merge(_ left: UInt32, _ right: UInt32) -> UInt64? {
    guard left != Self.noSymbol, right != Self.noSymbol else { return nil }
    return table[UInt64(left) << 32 | UInt64(right)]
  }

  /// Whether some merge joins a symbol that ends otherwise with one that begins with `character`.
  ///
  /// If none does, cutting text in front of every run of `character` changes no result.
  package func joinsAcross(startOf character: [UInt8]) -> Bool {
    let strings = symbols.strings
    for index in 0..<strings.count where strings.range(index).count > character.count {
      let bytes = Array(strings[index])
      var isInRun = true
      var position = 0
      while position < bytes.count {
        let isCharacter = bytes[position...].starts(with: character)
        if isCharacter && !isInRun { return true }
        isInRun = isCharacter
        position += isCharacter ? character.count : 1
      }
    }
    return false
  }
}
