import ModelFormats

/// The tokenizer metadata of a GGUF file, checked against itself.
struct GGUFVocabulary {
  let gguf: GGUFFile
  let file: String
  /// `tokenizer.ggml.model`.
  let model: String
  /// All tokens that end generation, beyond those that GGUF has keys for; written by `Tokenizer.ggufMetadata`.
  static let endOfGenerationKey = "bitnet.tokenizer.end_of_generation"

  /// Token texts, not empty.
  let names: ByteStrings
  let types: [TokenType]
  let ids: SpecialTokenIDs

  init(_ gguf: GGUFFile) throws {
    self.gguf = gguf
    file = gguf.name
    guard let model = try gguf.string("tokenizer.ggml.model") else {
      throw TokenizationError.missing(
        file: gguf.name, key: "tokenizer.ggml.model",
        remedy: "the file carries no vocabulary; give the folder of the original model's tokenizer.json instead")
    }
    self.model = model
    guard let tokens = try gguf.strings("tokenizer.ggml.tokens") else {
      throw TokenizationError.missing(
        file: gguf.name, key: "tokenizer.ggml.tokens", remedy: "convert the model again")
    }
    guard tokens.count > 0 else {
      throw TokenizationError.invalid(
        file: gguf.name, key: "tokenizer.ggml.tokens", found: "empty", expected: "at least one token")
    }
    var names = ByteStrings()
    for index in 0..<tokens.count { names.append(tokens[index]) }
    self.names = names
    let count = names.count
    if let raw = try gguf.integers("tokenizer.ggml.token_type") {
      guard raw.count == count else {
        throw TokenizationError.invalid(
          file: gguf.name, key: "tokenizer.ggml.token_type", found: "a list of \(raw.count)",
          expected: "one type for each of the \(count) tokens")
      }
      // llama.cpp calls 0 undefined and treats it, and whatever it does not know, as plain text.
      types = raw.map { TokenType(rawValue: $0) ?? .normal }
    } else {
      types = Array(repeating: .normal, count: count)
    }
    ids = try Self.readIDs(gguf, model: model, count: count)
  }

  private static func readIDs(_ gguf: GGUFFile, model: String, count: Int) throws -> SpecialTokenIDs {
    func id(_ key: String, default fallback: Int? = nil) throws -> Int? {
      let key = "tokenizer.ggml.\(key)_token_id"
      guard let id = try gguf.integer(key) else { return fallback.flatMap { $0 < count ? $0 : nil } }
      // Converters write -1 or 0xFFFFFFFF for "none".
      if id == -1 || id == 0xFFFF_FFFF { return nil }
      guard id >= 0, id < count else {
        throw TokenizationError.invalid(
          file: gguf.name, key: key, found: "\(id)", expected: "an id below the number of tokens, \(count)")
      }
      return id
    }
    let isSentencePiece = model == "llama"
    var ids = SpecialTokenIDs()
    ids.beginningOfSequence = try id("bos", default: isSentencePiece ? 1 : nil)
    ids.endOfSequence = try id("eos", default: isSentencePiece ? 2 : nil)
    ids.unknown = try id("unknown", default: isSentencePiece ? 0 : nil)
    ids.endOfTurn = try id("eot")
    ids.endOfMessage = try id("eom")
    ids.padding = try id("padding")
    ids.mask = try id("mask")
    ids.separator = try id("seperator")
    return ids
  }

  func expectCount(_ found: Int, _ key: String) throws {
    guard found == names.count else {
      throw TokenizationError.invalid(
        file: file, key: key, found: "a list of \(found)", expected: "one entry for each of the \(names.count) tokens")
    }
  }

  /// The parts of every merge: strings 2i and 2i+1 belong to rank i.
  func mergePairs() throws -> ByteStrings {
    let key = "tokenizer.ggml.merges"
    guard let merges = try gguf.strings(key) else {
      throw TokenizationError.missing(file: file, key: key, remedy: "convert the model again: BPE needs its merges")
    }
    var pairs = ByteStrings()
    for rank in 0..<merges.count {
      let merge = merges[rank]
      // A part may itself begin with a space, so the first character never separates.
      guard let space = merge.dropFirst().firstIndex(of: 0x20), space + 1 < merge.count else {
        throw TokenizationError.invalid(
          file: file, key: "\(key)[\(rank)]", found: "'\(String(decoding: merge, as: UTF8.self))'",
          expected: "two texts with a space between")
      }
      pairs.append(merge[..<space])
      pairs.append(merge[(space + 1)...])
    }
    return pairs
  }

  /// The rule of `tokenizer.ggml.pre`, or the one a file without that key most likely means.
  func splittingRule(mergeCount: Int, notes: inout [String]) throws -> NamedPreTokenizer {
    let key = "tokenizer.ggml.pre"
    if let name = try gguf.string(key) {
      guard let rule = NamedPreTokenizer.named(name) else {
        throw TokenizationError.unsupported(
          file: file, key: key, found: "'\(name)'", supported: NamedPreTokenizer.supportedNames)
      }
      if name == "default" { notes.append("\(key) is 'default': numbers and punctuation may be split wrongly") }
      if name == "falcon3" {
        notes.append("\(key) is 'falcon3': split by the llama-bpe rule, as llama.cpp does; bitnet.cpp splits otherwise")
      }
      return rule
    }
    let isLlama3Sized = names.count == 128_256 && mergeCount == 280_147
    let hasLlama3Start = names.count > 128_000 && names[128_000].elementsEqual("<|begin_of_text|>".utf8)
    if isLlama3Sized || hasLlama3Start, let rule = NamedPreTokenizer.named("llama-bpe") {
      let why =
        isLlama3Sized
        ? "the vocabulary has Llama 3's 128256 tokens and 280147 merges"
        : "token 128000 is <|begin_of_text|>, as in Llama 3"
      notes.append("\(key) is missing; the llama-bpe rule was chosen because \(why)")
      return rule
    }
    guard let rule = NamedPreTokenizer.named("default") else { throw unknownRule(key) }
    notes.append("\(key) is missing; the 'default' rule splits text, which may be wrong for this vocabulary")
    return rule
  }

  private func unknownRule(_ key: String) -> TokenizationError {
    .unsupported(file: file, key: key, found: "missing", supported: NamedPreTokenizer.supportedNames)
  }

  /// Sets what does not depend on the kind of vocabulary.
  func finish(_ tokenizer: inout Tokenizer, addsBeginningOfSequence: Bool) throws {
    tokenizer.specialTokens = ids
    let addsBOS = try gguf.bool("tokenizer.ggml.add_bos_token") ?? addsBeginningOfSequence
    let addsEOS = try gguf.bool("tokenizer.ggml.add_eos_token") ?? false
    if addsBOS {
      if let id = ids.beginningOfSequence {
        tokenizer.prefixTokens = [id]
      } else {
        tokenizer.notes.append("the vocabulary wants BOS in front of every text and names no BOS token")
      }
    }
    if addsEOS, let id = ids.endOfSequence { tokenizer.suffixTokens = [id] }
    tokenizer.addEndOfGeneration(try gguf.integers(Self.endOfGenerationKey) ?? [])
    if let template = try gguf.string("tokenizer.chat_template") { tokenizer.chatTemplates["default"] = template }
    let prefix = "tokenizer.chat_template."
    for (key, value) in gguf.metadata where key.utf8.starts(with: prefix.utf8) {
      if let text = value.text { tokenizer.chatTemplates[String(key.dropFirst(prefix.count))] = text }
    }
  }
}
