package import ModelFormats

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a GGUF file says about a tokenizer, and what a user should know about it.
package struct GGUFTokenizerMetadata: Sendable {
  /// The keys `tokenizer.*` with their values.
  package var entries: [(key: String, value: GGUFNewValue)] = []
  /// Where GGUF cannot say all that the tokenizer does.
  package var notes: [String] = []
}

extension Tokenizer {
  /// The metadata by which a GGUF file carries this tokenizer, which comes from a Hugging Face folder.
  ///
  /// GGUF names the rule that splits text, and has few names. What comes out is read back and compared on difficult
  /// texts; where it would differ, the whole `tokenizer.json` goes along, which this program's reader prefers.
  ///
  /// - Parameter rows: the rows of the embedding; tokens are padded to so many, as the runtimes demand.
  /// - Throws: `TokenizationError` for vocabularies that GGUF cannot hold.
  package func ggufMetadata(rows: Int) throws -> GGUFTokenizerMetadata {
    var result = GGUFTokenizerMetadata()
    let file = try TokenizerFolder(path: source).tokenizerFile
    if file.hasSuffix(".json") {
      try addModel(TokenizerJSON(JSONParser.parse(path: file)), to: &result)
    } else {
      try addModel(ModelFile(path: file), file: file, to: &result)
    }
    addTokens(rows: rows, to: &result)
    addRoles(to: &result)
    addChatTemplates(to: &result)
    if let text = try differingText(result) {
      guard file.hasSuffix(".json"), let json = try? String(contentsOfFile: file, encoding: .utf8) else {
        throw TokenizationError.unsupported(
          file: file, key: "the vocabulary", found: "one that GGUF's rules split otherwise, as in \"\(text)\"",
          supported: ["vocabularies with a tokenizer.json"])
      }
      result.entries.append(("tokenizer.huggingface.json", .string(json)))
      result.notes.append(
        "GGUF has no rule that splits text as this tokenizer does (other runtimes differ at \"\(text)\"); "
          + "the tokenizer.json goes along, which bitnet reads")
    }
    return result
  }

  private func addModel(_ json: TokenizerJSON, to result: inout GGUFTokenizerMetadata) throws {
    let pairs = try json.mergePairs()
    if kind == .byteLevelBPE {
      let takesWholePieces = try json.model.bool("ignore_merges") ?? false
      let rule = try json.splittingExpressions().flatMap {
        NamedPreTokenizer.name(splitting: $0, takesWholePieces: takesWholePieces)
      }
      result.entries.append(("tokenizer.ggml.model", .string("gpt2")))
      result.entries.append(("tokenizer.ggml.pre", .string(rule ?? "default")))
      result.entries.append(
        (
          "tokenizer.ggml.merges",
          .byteStrings((0..<pairs.count / 2).map { pairs[2 * $0] + [0x20] + pairs[2 * $0 + 1] })
        ))
      return
    }
    // Merges by rank become scores by rank, as the merges once were made from scores.
    var scores = [Float](repeating: -Float(pairs.count / 2), count: vocabularySize)
    for rank in (0..<pairs.count / 2).reversed() {
      let joined = Array(pairs[2 * rank] + pairs[2 * rank + 1])
      if let id = names.find(joined, 0..<joined.count) { scores[id] = -Float(rank) }
    }
    let prepends = normalizer.steps.contains { if case .prepend = $0 { true } else { false } }
    addSentencePiece(
      scores, addsSpacePrefix: prepends || preTokenizer.steps.contains { if case .prefix = $0 { true } else { false } },
      to: &result)
  }

  private func addModel(_ model: ModelFile, file: String, to result: inout GGUFTokenizerMetadata) throws {
    guard case .sentencePiece(let pieces) = model else {
      throw TokenizationError.unsupported(
        file: file, key: "the vocabulary", found: "a tiktoken list, which has no merges",
        supported: ["the same vocabulary as tokenizer.json: put it into the folder"])
    }
    let scores = pieces.scores + Array(repeating: 0, count: max(0, vocabularySize - pieces.scores.count))
    addSentencePiece(scores, addsSpacePrefix: pieces.addsDummyPrefix, to: &result)
  }

  private func addSentencePiece(_ scores: [Float], addsSpacePrefix: Bool, to result: inout GGUFTokenizerMetadata) {
    result.entries.append(("tokenizer.ggml.model", .string("llama")))
    result.entries.append(("tokenizer.ggml.pre", .string("default")))
    result.entries.append(("tokenizer.ggml.scores", .f32s(scores)))
    result.entries.append(("tokenizer.ggml.add_space_prefix", .bool(addsSpacePrefix)))
  }

  private func addTokens(rows: Int, to result: inout GGUFTokenizerMetadata) {
    let own = (0..<vocabularySize).map { id in
      names.strings[id].isEmpty ? Array("[UNUSED\(id)]".utf8) : Array(names.strings[id])
    }
    let padding = (0..<max(0, rows - own.count)).map { Array("[PAD\($0 + own.count)]".utf8) }
    result.entries.append(("tokenizer.ggml.tokens", .byteStrings(own + padding)))
    let kinds = types.map { Int32($0.rawValue) } + padding.map { _ in Int32(TokenType.unused.rawValue) }
    result.entries.append(("tokenizer.ggml.token_type", .i32s(kinds)))
    if let index = result.entries.firstIndex(where: { $0.key == "tokenizer.ggml.scores" }),
      case .f32s(let scores) = result.entries[index].value
    {
      result.entries[index].value = .f32s(scores + padding.map { _ in 0 })
    }
  }

  private func addRoles(to result: inout GGUFTokenizerMetadata) {
    let turnEnds = ["<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>"].lazy.compactMap(id(ofTokenNamed:))
    let endOfTurn = specialTokens.endOfTurn ?? turnEnds.first { endOfGeneration.contains($0) }
    let roles = [
      ("bos", specialTokens.beginningOfSequence), ("eos", specialTokens.endOfSequence), ("eot", endOfTurn),
      ("eom", specialTokens.endOfMessage), ("unknown", specialTokens.unknown), ("padding", specialTokens.padding),
      ("mask", specialTokens.mask), ("seperator", specialTokens.separator),
    ]
    for (role, id) in roles {
      if let id { result.entries.append(("tokenizer.ggml.\(role)_token_id", .u32(UInt32(id)))) }
    }
    result.entries.append(("tokenizer.ggml.add_bos_token", .bool(addsBeginningOfSequence)))
    let addsEnd = specialTokens.endOfSequence.map(suffixTokens.contains) ?? false
    result.entries.append(("tokenizer.ggml.add_eos_token", .bool(addsEnd)))
    result.entries.append((GGUFVocabulary.endOfGenerationKey, .u32s(endOfGeneration.sorted().map(UInt32.init))))
  }

  private func addChatTemplates(to result: inout GGUFTokenizerMetadata) {
    let others = chatTemplates.keys.filter { $0 != "default" }.sorted()
    if let text = chatTemplates["default"] { result.entries.append(("tokenizer.chat_template", .string(text))) }
    if !others.isEmpty { result.entries.append(("tokenizer.chat_templates", .strings(others))) }
    for name in others {
      result.entries.append(("tokenizer.chat_template.\(name)", .string(chatTemplates[name] ?? "")))
    }
  }

  /// The first of some difficult texts that a reader of the metadata would encode otherwise.
  private func differingText(_ metadata: GGUFTokenizerMetadata) throws -> String? {
    let layout = try GGUFLayout(metadata: metadata.entries, tensors: [], file: source)
    let other = try Tokenizer(gguf: GGUFFile(bytes: layout.header, name: source))
    return Tokenizer.difficultTexts.first { text in
      encode(text, parseSpecialTokens: true) != other.encode(text, parseSpecialTokens: true)
    }
  }

  /// Texts on which splitting rules differ: digits, contractions, runs of spaces, line breaks, other scripts, marks.
  package static let difficultTexts = [
    "The capital of France is", "  leading and trailing  ", "It's 12345.678, isn't it? I'LL say WE'VE 1,000,000!",
    "a\n\n\nb\r\n\tc    d\n ", "x=1;y+=2_3--->{}[]()<>|`~^$#@!%&*", "naïve café Ünïcödé ß ﬁ",
    "你好，世界。こんにちは", "नमस्ते दुनिया ภาษาไทย العربية", "😀👩‍👩‍👧 e\u{301} \u{200B}\u{A0}",
    "<s>[INST] Hi [/INST]</s><|im_start|>user\nHi<|im_end|><|endoftext|>", "", " ", "0 00 000 0000 ٣٤٥",
  ]
}

extension TokenizerJSON {
  /// The expressions that text is split by, one after the other; `nil` where it is split by other means too.
  func splittingExpressions() throws -> [String]? {
    guard let node = root["pre_tokenizer"] else { return nil }
    return try Self.expressions(node)
  }

  private static func expressions(_ node: JSONNode) throws -> [String]? {
    switch try node.string("type") {
    case "Sequence":
      var result: [String] = []
      for child in try node.array("pretokenizers") ?? [] {
        guard let expressions = try expressions(child) else { return nil }
        result += expressions
      }
      return result
    case "ByteLevel":
      guard try node.bool("add_prefix_space") == false else { return nil }
      return try node.bool("use_regex") ?? true ? [NamedPreTokenizer.byteLevelExpression] : []
    case "Digits": return try node.bool("individual_digits") ?? false ? [#"\p{N}"#] : nil
    case "Split":
      guard try node.string("behavior") == "Isolated", try node.bool("invert") != true else { return nil }
      return try node["pattern"]?.string("Regex").map { [$0] }
    default: return nil
    }
  }
}
