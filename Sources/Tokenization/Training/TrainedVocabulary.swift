/// A byte-level BPE vocabulary as training builds it: special tokens, the 256 bytes, then one token for each merge.
package struct TrainedVocabulary: Sendable {
  /// The rule that cuts text into words.
  package let rule: NamedPreTokenizer
  private let specialCount: Int
  /// Token texts in the byte alphabet; special tokens as they are.
  private var names: ByteStringTable
  /// Strings 2i and 2i+1 are the parts of the merge of rank i.
  private var merges = ByteStrings()
  /// The tokens that the text learnt from has in this vocabulary.
  package internal(set) var trainingTokenCount = 0

  init(rule: NamedPreTokenizer, specialTokens: [String]) {
    self.rule = rule
    specialCount = specialTokens.count
    let alphabet = ByteAlphabet.symbols.map { ByteAlphabet.mapped([$0]) }
    names = ByteStringTable(strings: ByteStrings(specialTokens.map { Array($0.utf8) } + alphabet))
    for id in specialCount..<names.strings.count { _ = names.insert(id) }
  }

  /// The number of tokens so far.
  package var count: Int { names.strings.count }
  /// The number of merges so far; more than tokens if two merges give the same text.
  package var mergeCount: Int { merges.count / 2 }

  /// The id of each byte's token.
  var symbolOfByte: [UInt32] {
    var result = [UInt32](repeating: 0, count: 256)
    for (index, byte) in ByteAlphabet.symbols.enumerated() { result[Int(byte)] = UInt32(specialCount + index) }
    return result
  }

  /// Adds a merge and returns its token, which is an older one if another merge gave the same text.
  mutating func addMerge(_ left: Int, _ right: Int) -> Int {
    merges.append(names.strings[left])
    merges.append(names.strings[right])
    return names.findOrAppend(Array(names.strings[left] + names.strings[right]))
  }

  /// The tokenizer with this vocabulary. The first special token ends texts and begins them; it is not added by itself.
  ///
  /// - Throws: `TokenizationError` if the rule does not compile.
  package func tokenizer() throws(TokenizationError) -> Tokenizer {
    let types = (0..<count).map { $0 < specialCount ? TokenType.control : .normal }
    var builder = VocabularyBuilder(
      file: "the trained vocabulary", names: names.strings, types: types, notation: .byteLevel)
    let table = MergeTable(
      symbols: builder.symbols, vocabularySize: count, pairs: builder.byteLevelMerges(merges))
    var tokenizer = builder.tokenizer(
      kind: .byteLevelBPE,
      model: BytePairModel(
        alphabet: .bytes, table: table, fallback: .init(), takesWholePieces: rule.takesWholePieces))
    tokenizer.preTokenizerName = rule.name
    tokenizer.preTokenizer = try PreTokenizer(rule, file: "the trained vocabulary")
    if specialCount > 0 {
      tokenizer.specialTokens.beginningOfSequence = 0
      tokenizer.specialTokens.endOfSequence = 0
    }
    func special(_ names: [String]) -> Int? {
      names.lazy.compactMap { tokenizer.id(ofTokenNamed: $0) }.first { $0 < specialCount }
    }
    tokenizer.specialTokens.mask = special(["<|mask|>", "<mask>", "[MASK]"])
    tokenizer.specialTokens.padding = special(["<|pad|>", "<pad>", "[PAD]"])
    tokenizer.addEndOfGeneration([])
    return tokenizer
  }

  /// The files of a Hugging Face folder.
  ///
  /// - Throws: `TokenizationError` if the rule does not compile.
  package func huggingFaceFiles() throws(TokenizationError) -> [(name: String, text: [UInt8])] {
    try tokenizer().huggingFaceFiles(rule: rule, merges: merges)
  }
}
