package import ModelFormats

extension Tokenizer {
  /// The files by which a Hugging Face folder carries a byte-level tokenizer that comes from a GGUF file.
  ///
  /// - Returns: names and contents; `nil` for SentencePiece vocabularies, which a `tokenizer.json` holds otherwise.
  /// - Throws: if the metadata makes no sense.
  package func huggingFaceFiles(gguf: GGUFFile) throws -> [(name: String, text: [UInt8])]? {
    if let json = try gguf.string("tokenizer.huggingface.json") {
      return [("tokenizer_config.json", configText()), ("tokenizer.json", Array(json.utf8))]
    }
    guard kind == .byteLevelBPE, let rule = NamedPreTokenizer.named(preTokenizerName) else { return nil }
    return huggingFaceFiles(rule: rule, merges: try GGUFVocabulary(gguf).mergePairs())
  }

  /// The files by which a Hugging Face folder carries a byte-level tokenizer.
  ///
  /// - Parameter merges: strings 2i and 2i+1 are the parts of the merge of rank i, in the byte alphabet.
  func huggingFaceFiles(rule: NamedPreTokenizer, merges: ByteStrings) -> [(name: String, text: [UInt8])] {
    let root = Self.object([
      ("version", .string("1.0")), ("added_tokens", addedTokens()), ("normalizer", .null),
      ("pre_tokenizer", Self.preTokenizer(rule)), ("post_processor", postProcessor()),
      ("decoder", Self.byteLevel()), ("model", model(merges, takesWholePieces: rule.takesWholePieces)),
    ])
    return [
      ("tokenizer_config.json", configText()), ("special_tokens_map.json", Self.object(roles()).text()),
      ("tokenizer.json", root.text()),
    ]
  }

  private static func object(_ entries: [(JSONString, JSONValue)]) -> JSONValue {
    .object(JSONObject(entries: entries.map { (key: $0.0, value: $0.1) }))
  }

  private static func byteLevel() -> JSONValue {
    object([
      ("type", .string("ByteLevel")), ("add_prefix_space", .bool(false)), ("trim_offsets", .bool(true)),
      ("use_regex", .bool(false)),
    ])
  }

  private static func preTokenizer(_ rule: NamedPreTokenizer) -> JSONValue {
    let splits = rule.expressions.map { expression in
      object([
        ("type", .string("Split")), ("pattern", object([("Regex", .string(JSONString(expression)))])),
        ("behavior", .string("Isolated")), ("invert", .bool(false)),
      ])
    }
    return object([("type", .string("Sequence")), ("pretokenizers", .array(splits + [byteLevel()]))])
  }

  private func postProcessor() -> JSONValue {
    guard let id = beginningOfSequence, addsBeginningOfSequence else { return .null }
    let name = JSONString(bytes: Array(names.strings[id]))
    let token = Self.object([
      ("id", .string(name)), ("ids", .array([.integer(Int64(id))])), ("tokens", .array([.string(name)])),
    ])
    let sequence = Self.object([("Sequence", Self.object([("id", .string("A")), ("type_id", .integer(0))]))])
    let special = Self.object([("SpecialToken", Self.object([("id", .string(name)), ("type_id", .integer(0))]))])
    return Self.object([
      ("type", .string("TemplateProcessing")), ("single", .array([special, sequence])), ("pair", .array([])),
      ("special_tokens", Self.object([(name, token)])),
    ])
  }

  private func addedTokens() -> JSONValue {
    let ids = types.indices.filter { [.control, .userDefined, .unknown].contains(types[$0]) }
    return .array(
      ids.map { id in
        Self.object([
          ("id", .integer(Int64(id))), ("content", .string(JSONString(bytes: Array(names.strings[id])))),
          ("single_word", .bool(false)), ("lstrip", .bool(false)), ("rstrip", .bool(false)),
          ("normalized", .bool(false)),
          ("special", .bool(types[id] != .userDefined)),
        ])
      })
  }

  private func model(_ pairs: ByteStrings, takesWholePieces: Bool) -> JSONValue {
    let merges = (0..<pairs.count / 2).map { rank in
      JSONValue.array([2 * rank, 2 * rank + 1].map { .string(JSONString(bytes: Array(pairs[$0]))) })
    }
    let vocabulary = types.indices.map { id in
      (JSONString(bytes: Array(names.strings[id])), JSONValue.integer(Int64(id)))
    }
    return Self.object([
      ("type", .string("BPE")), ("dropout", .null), ("unk_token", .null), ("continuing_subword_prefix", .null),
      ("end_of_word_suffix", .null), ("fuse_unk", .bool(false)), ("byte_fallback", .bool(false)),
      ("ignore_merges", .bool(takesWholePieces)), ("vocab", Self.object(vocabulary)), ("merges", .array(merges)),
    ])
  }

  private func configText() -> [UInt8] {
    var entries: [(JSONString, JSONValue)] = [
      ("tokenizer_class", .string("PreTrainedTokenizerFast")), ("add_bos_token", .bool(addsBeginningOfSequence)),
    ]
    entries += roles()
    if let template = chatTemplates["default"] { entries.append(("chat_template", .string(JSONString(template)))) }
    return Self.object(entries).text()
  }

  /// The names of the tokens with a role.
  private func roles() -> [(JSONString, JSONValue)] {
    let roles: [(JSONString, Int?)] = [
      ("bos_token", beginningOfSequence), ("eos_token", endOfSequence), ("pad_token", padding), ("unk_token", unknown),
      ("mask_token", mask),
    ]
    return roles.compactMap { key, id in id.map { (key, .string(JSONString(bytes: Array(names.strings[$0])))) } }
  }
}
