public import ModelFormats

extension Tokenizer {
  /// The tokenizer that a GGUF file carries in its `tokenizer.ggml.*` metadata.
  ///
  /// - Throws: if a key is missing or makes no sense, or if the kind of tokenizer or its splitting rule is not one this
  ///   library has.
  public init(gguf: GGUFFile) throws(TokenizationError) {
    do {
      let metadata = try GGUFVocabulary(gguf)
      if let json = try gguf.string("tokenizer.huggingface.json") {
        self = try TokenizerJSON(JSONNode(JSONParser.parse(Array(json.utf8), file: gguf.name), file: gguf.name))
          .tokenizer()
        try metadata.finish(&self, addsBeginningOfSequence: addsBeginningOfSequence)
        return
      }
      switch metadata.model {
      case "gpt2": self = try Self.byteLevel(metadata)
      case "llama": self = try Self.sentencePiece(metadata)
      default:
        throw TokenizationError.unsupported(
          file: gguf.name, key: "tokenizer.ggml.model", found: "'\(metadata.model)'",
          supported: ["gpt2 (byte-level BPE)", "llama (SentencePiece)"])
      }
    } catch let error as TokenizationError {
      throw error
    } catch {
      throw .unreadable(file: gguf.name, reason: "\(error)")
    }
  }

  private static func byteLevel(_ metadata: GGUFVocabulary) throws -> Tokenizer {
    var notes: [String] = []
    let pairs = try metadata.mergePairs()
    let rule = try metadata.splittingRule(mergeCount: pairs.count / 2, notes: &notes)
    var builder = VocabularyBuilder(
      file: metadata.file, names: metadata.names, types: metadata.types, notation: .byteLevel)
    let merges = builder.byteLevelMerges(pairs)
    let table = MergeTable(symbols: builder.symbols, vocabularySize: builder.count, pairs: merges)
    let model = BytePairModel(
      alphabet: .bytes, table: table, fallback: .init(), takesWholePieces: rule.takesWholePieces)
    builder.note(table)
    var tokenizer = builder.tokenizer(kind: .byteLevelBPE, model: model)
    tokenizer.preTokenizerName = rule.name
    tokenizer.preTokenizer = try PreTokenizer(rule, file: metadata.file)
    tokenizer.notes = notes + builder.notes
    try metadata.finish(&tokenizer, addsBeginningOfSequence: rule.addsBeginningOfSequence)
    return tokenizer
  }

  private static func sentencePiece(_ metadata: GGUFVocabulary) throws -> Tokenizer {
    guard let scores = try metadata.gguf.floats("tokenizer.ggml.scores") else {
      throw TokenizationError.missing(
        file: metadata.file, key: "tokenizer.ggml.scores",
        remedy: "convert the model again: a 'llama' vocabulary needs its scores")
    }
    try metadata.expectCount(scores.count, "tokenizer.ggml.scores")
    var tokenizer = Self.sentencePiece(
      file: metadata.file, names: metadata.names, types: metadata.types, scores: scores,
      addsSpacePrefix: try metadata.gguf.bool("tokenizer.ggml.add_space_prefix") ?? true,
      unknown: metadata.ids.unknown ?? 0)
    try metadata.finish(&tokenizer, addsBeginningOfSequence: true)
    return tokenizer
  }

  /// A SentencePiece BPE tokenizer from its pieces; ids and added tokens are still to be set.
  static func sentencePiece(
    file: String, names: ByteStrings, types: [TokenType], scores: [Float], addsSpacePrefix: Bool, unknown: Int?
  ) -> Tokenizer {
    var builder = VocabularyBuilder(file: file, names: names, types: types, notation: .spaceSymbol)
    let table = MergeTable(symbols: builder.symbols, vocabularySize: builder.count, scores: scores)
    let space = VocabularyBuilder.spaceSymbol
    var fallback = BytePairModel.Fallback()
    fallback.byteTokens = builder.byteTokens
    fallback.unknown = unknown.flatMap { types.indices.contains($0) ? $0 : nil }
    let model = BytePairModel(alphabet: .scalars, table: table, fallback: fallback, takesWholePieces: false)
    builder.note(table)
    var tokenizer = builder.tokenizer(kind: .sentencePieceBPE, model: model)
    tokenizer.notes = builder.notes
    tokenizer.normalizer = Normalizer(
      (addsSpacePrefix ? [.prepend(space)] : []) + [.replace([0x20], with: space)])
    if !table.joinsAcross(startOf: space) { tokenizer.preTokenizer = PreTokenizer([.cutBeforeRuns(of: space)]) }
    tokenizer.leadingSpaceRule = addsSpacePrefix ? .dropAfterSpecialTokens : .keep
    return tokenizer
  }
}
