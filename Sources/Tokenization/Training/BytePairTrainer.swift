/// Learns a byte-level BPE vocabulary from text.
///
/// Text is cut into words by a splitting rule that GGUF has a name for; what counts is how often each word occurs. Then
/// the most frequent pair of neighbouring symbols becomes a symbol, again and again. Of pairs that are equally frequent
/// the one with the smaller ids is merged first, as Hugging Face's `tokenizers` does, so that both learn the same merges.
package struct BytePairTrainer {
  /// The rule that cuts text into words.
  package let rule: NamedPreTokenizer
  /// Tokens with a meaning of their own; where a text contains one, it is cut out.
  package let specialTokens: [String]
  private let preTokenizer: PreTokenizer
  private let matcher: SpecialTokenMatcher
  private var words = ByteStringTable(strings: ByteStrings())
  private var counts: [Int] = []
  /// The bytes of text that were seen.
  package private(set) var byteCount = 0

  /// The special tokens of a vocabulary for which nobody asked for others: end of text, mask, padding.
  package static let defaultSpecialTokens = ["<|endoftext|>", "<|mask|>", "<|pad|>"]

  /// - Throws: `TokenizationError` for a rule without a name in GGUF, and for special tokens that are empty or repeated.
  package init(rule name: String, specialTokens: [String] = defaultSpecialTokens) throws(TokenizationError) {
    guard let rule = NamedPreTokenizer.named(name) else {
      throw .untrainable(
        reason: "There is no splitting rule '\(name)': choose one of "
          + NamedPreTokenizer.supportedNames.joined(separator: ", ") + ".")
    }
    let bytes = specialTokens.map { Array($0.utf8) }
    guard !bytes.contains([]), Set(bytes).count == bytes.count else {
      throw .untrainable(
        reason: "The special tokens are \(specialTokens): they must be all different, and none empty.")
    }
    self.rule = rule
    self.specialTokens = specialTokens
    preTokenizer = try PreTokenizer(rule, file: "the vocabulary to train")
    matcher = SpecialTokenMatcher(bytes.enumerated().map { SpecialToken(id: $0, content: $1) })
  }

  /// The different words that were seen.
  package var wordCount: Int { counts.count }

  /// Counts the words of a document.
  package mutating func add(_ document: String) {
    let text = Array(document.utf8)
    byteCount += text.count
    for fragment in matcher.fragments(text, 0..<text.count, parsingAll: true) {
      guard case .text(let range) = fragment else { continue }
      let pieces = preTokenizer.split(text, range, isTextStart: range.lowerBound == 0)
      for piece in pieces.ranges {
        let word = words.find(pieces.text, piece) ?? words.findOrAppend(Array(pieces.text[piece]))
        if word == counts.count { counts.append(0) }
        counts[word] += 1
      }
    }
  }

  /// Learns the merges.
  ///
  /// - Parameters:
  ///   - vocabularySize: tokens in all: the special ones, 256 bytes and the merges.
  ///   - minimumCount: pairs that occur less often are not merged.
  ///   - progress: called with the number of tokens so far.
  /// - Throws: `TokenizationError` if the size leaves no room for merges or the text has too few different pairs, and
  ///   what `progress` throws.
  package func train(
    vocabularySize: Int, minimumCount: Int = 2, progress: (Int) throws -> Void = { _ in }
  ) throws -> TrainedVocabulary {
    var vocabulary = TrainedVocabulary(rule: rule, specialTokens: specialTokens)
    guard vocabularySize > vocabulary.count else {
      throw TokenizationError.untrainable(
        reason: "A vocabulary of \(vocabularySize) tokens has no room for merges: the 256 bytes and "
          + "\(specialTokens.count) special tokens are \(vocabulary.count).")
    }
    var merging = PairMerging(words: words.strings, counts: counts, symbolOfByte: vocabulary.symbolOfByte)
    while vocabulary.count < vocabularySize, let pair = merging.mostFrequentPair(), pair.count >= minimumCount {
      let result = vocabulary.addMerge(Int(pair.left), Int(pair.right))
      merging.merge(pair.left, pair.right, into: UInt32(result))
      if vocabulary.count.isMultiple(of: 256) { try progress(vocabulary.count) }
    }
    vocabulary.trainingTokenCount = merging.symbolCount
    guard vocabulary.count == vocabularySize else {
      throw TokenizationError.untrainable(
        reason: "The text (\(byteCount) bytes, \(wordCount) different words) gives \(vocabulary.count) tokens and not "
          + "\(vocabularySize), as no further pair occurs \(minimumCount) times: give more text, or ask for fewer tokens."
      )
    }
    return vocabulary
  }
}
