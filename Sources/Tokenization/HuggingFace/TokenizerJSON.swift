import ModelFormats

/// A `tokenizer.json`, read into the parts of a `Tokenizer`.
struct TokenizerJSON {
  let root: JSONNode
  let model: JSONNode
  private let file: String

  init(_ root: JSONNode) throws {
    self.root = root
    file = root.file
    guard let model = root["model"] else {
      throw TokenizationError.missing(file: file, key: "model", remedy: "this is no tokenizer.json; check the path")
    }
    self.model = model
    let type = try model.string("type")
    // Files of the first years leave the type out and are told by their merges.
    guard type == "BPE" || (type == nil && model["merges"] != nil) else {
      throw TokenizationError.unsupported(
        file: file, key: "model.type", found: "'\(type ?? "missing")'", supported: ["BPE"])
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = try model.string(key), !affix.isEmpty {
        throw TokenizationError.unsupported(
          file: file, key: "model.\(key)", found: "'\(affix)'", supported: ["none (null)"])
      }
    }
  }

  func tokenizer() throws -> Tokenizer {
    var notes: [String] = []
    let pre = try PreTokenizerJSON(root["pre_tokenizer"], file: file)
    let decoder = try DecoderJSON(root["decoder"], file: file)
    let added = try addedTokens()
    let vocabulary = try vocabulary(added, notes: &notes)
    let isByteLevel = pre.isByteLevel
    let notation: VocabularyBuilder.Notation =
      isByteLevel ? .byteLevel : decoder.replacesSpaceSymbol ? .spaceSymbol : .raw
    var builder = VocabularyBuilder(
      file: file, names: vocabulary.names, types: vocabulary.types, notation: notation, mergesUserDefined: true)
    let pairs = try mergePairs()
    let table = MergeTable(
      symbols: builder.symbols, vocabularySize: builder.count,
      pairs: isByteLevel ? builder.byteLevelMerges(pairs) : pairs)
    builder.note(table)

    let unknown = try model.string("unk_token").flatMap { text in
      let bytes = Array(text.utf8)
      return builder.names.find(bytes, 0..<bytes.count)
    }
    var fallback = BytePairModel.Fallback()
    fallback.byteTokens = builder.byteTokens
    fallback.unknown = unknown
    fallback.fusesUnknown = try model.bool("fuse_unk") ?? false
    fallback.dropsBeforeMerging = true
    let takesWholePieces = try model.bool("ignore_merges") ?? false
    if let dropout = try model.number("dropout"), dropout > 0 {
      notes.append("model.dropout is \(dropout), a training setting; encoding here never drops merges")
    }
    var tokenizer = builder.tokenizer(
      kind: isByteLevel ? .byteLevelBPE : .characterBPE,
      model: BytePairModel(
        alphabet: isByteLevel ? .bytes : .scalars, table: table, fallback: fallback,
        takesWholePieces: takesWholePieces))
    tokenizer.notes = notes + builder.notes
    tokenizer.preTokenizerName = pre.name
    tokenizer.preTokenizer = pre.preTokenizer
    let space = VocabularyBuilder.spaceSymbol
    let hasSpaceToken = table.symbols.find(space, 0..<space.count).map { $0 < builder.count } ?? false
    if !isByteLevel, !takesWholePieces, hasSpaceToken, !table.joinsAcross(startOf: space) {
      tokenizer.preTokenizer.steps.append(.cutBeforeRuns(of: space))
    }
    tokenizer.normalizer = Normalizer(try normalizerSteps(root["normalizer"]))
    tokenizer.rawTokens = SpecialTokenMatcher(added.filter { !$0.isNormalized }.map(\.specialToken))
    tokenizer.normalizedTokens = SpecialTokenMatcher(
      added.filter(\.isNormalized).map { token in
        var normalized = token.specialToken
        // The prefix that Prepend adds belongs to texts, not to the tokens in them.
        let steps = tokenizer.normalizer.steps.filter { if case .prepend = $0 { false } else { true } }
        normalized.content = Normalizer(steps).normalize(token.content, 0..<token.content.count)
        return normalized
      })
    tokenizer.leadingSpaceRule = decoder.stripsLeadingSpace ? .dropAtStart : .keep
    tokenizer.specialTokens.unknown = unknown
    try applyPostProcessor(root["post_processor"], &tokenizer)
    return tokenizer
  }

  private func addedTokens() throws -> [AddedToken] {
    try (root.array("added_tokens") ?? []).map { node in
      guard let id = try node.integer("id") else {
        throw TokenizationError.missing(file: file, key: "\(node.path).id", remedy: "download the file again")
      }
      return try AddedToken(node, id: id)
    }
  }

  /// Token texts and types by id, from the model's vocabulary and the added tokens.
  private func vocabulary(
    _ added: [AddedToken], notes: inout [String]
  ) throws -> (names: ByteStrings, types: [TokenType]) {
    guard let node = model["vocab"] else {
      throw TokenizationError.missing(file: file, key: "model.vocab", remedy: "download the file again")
    }
    let entries = try node.object().entries
    guard !entries.isEmpty || !added.isEmpty else {
      throw TokenizationError.invalid(file: file, key: "model.vocab", found: "empty", expected: "at least one token")
    }
    // Holes between ids are met with in practice; a hole far larger than the vocabulary is damage.
    let limit = Int64(4 * (entries.count + added.count) + 65_536)
    func checked(_ id: Int64, _ key: @autoclosure () -> String) throws -> Int {
      guard id >= 0, id < limit else {
        throw TokenizationError.invalid(
          file: file, key: key(), found: "\(id)", expected: "an id from 0 to \(limit - 1)")
      }
      return Int(id)
    }
    let byteFallback = try model.bool("byte_fallback") ?? false
    var texts: [[UInt8]?] = []
    var types: [TokenType] = []
    func set(_ id: Int, _ text: [UInt8], _ type: TokenType) {
      while texts.count <= id {
        texts.append(nil)
        types.append(.unused)
      }
      texts[id] = text
      types[id] = type
    }
    for (key, value) in entries {
      guard case .integer(let raw) = value else {
        throw TokenizationError.invalid(
          file: file, key: "model.vocab['\(key.string)']", found: value.kind, expected: "an integer id")
      }
      let id = try checked(raw, "model.vocab['\(key.string)']")
      if id < texts.count, let other = texts[id], other != key.bytes {
        throw TokenizationError.invalid(
          file: file, key: "model.vocab['\(key.string)']",
          found: "id \(id), which '\(String(decoding: other, as: UTF8.self))' has too", expected: "an id of its own")
      }
      let isByte = byteFallback && VocabularyBuilder.byteValue(key.bytes) != nil
      set(id, key.bytes, isByte ? .byte : .normal)
    }
    for token in added {
      let id = try checked(Int64(token.id), "added_tokens")
      if id < texts.count, let other = texts[id], other != token.content {
        let text = String(decoding: token.content, as: UTF8.self)
        notes.append("added token '\(text)' takes id \(id) from '\(String(decoding: other, as: UTF8.self))'")
      }
      set(id, token.content, token.isSpecial ? .control : .userDefined)
    }
    return (ByteStrings(texts.lazy.map { $0 ?? [] }), types)
  }

  /// Merges in both notations: "a b" and ["a", "b"].
  func mergePairs() throws -> ByteStrings {
    guard let node = model["merges"], case .array(let merges) = node.value else {
      throw TokenizationError.missing(file: file, key: "model.merges", remedy: "download the file again")
    }
    var pairs = ByteStrings()
    pairs.reserveCapacity(strings: 2 * merges.count, bytes: 16 * merges.count)
    for (rank, merge) in merges.enumerated() {
      switch merge {
      case .string(let text):
        if let space = text.bytes.dropFirst().firstIndex(of: 0x20), space + 1 < text.bytes.count {
          pairs.append(text.bytes[..<space])
          pairs.append(text.bytes[(space + 1)...])
          continue
        }
      case .array(let parts):
        if parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1],
          !left.bytes.isEmpty, !right.bytes.isEmpty
        {
          pairs.append(left.bytes)
          pairs.append(right.bytes)
          continue
        }
      default: break
      }
      throw TokenizationError.invalid(
        file: file, key: "model.merges[\(rank)]", found: merge.kind, expected: "two texts, as \"a b\" or [\"a\", \"b\"]"
      )
    }
    return pairs
  }

  private func normalizerSteps(_ node: JSONNode?) throws -> [Normalizer.Step] {
    guard let node else { return [] }
    switch try node.string("type") {
    case "NFC": return [.composed]
    case "Sequence": return try (node.array("normalizers") ?? []).flatMap { try normalizerSteps($0) }
    case "Prepend": return [.prepend(Array((try node.string("prepend") ?? "").utf8))]
    case "Replace":
      if let old = try node["pattern"]?.string("String"), !old.isEmpty {
        return [.replace(Array(old.utf8), with: Array((try node.string("content") ?? "").utf8))]
      }
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).pattern", found: node["pattern"]?.value.kind ?? "missing",
        supported: ["{\"String\": …}"])
    case let type:
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).type", found: "'\(type ?? "missing")'",
        supported: ["NFC", "Sequence", "Prepend", "Replace"])
    }
  }

  /// Reads what a post-processor puts around a text.
  private func applyPostProcessor(_ node: JSONNode?, _ tokenizer: inout Tokenizer) throws {
    guard let node else { return }
    switch try node.string("type") {
    case "ByteLevel": return
    case "Sequence":
      for child in try node.array("processors") ?? [] { try applyPostProcessor(child, &tokenizer) }
    case "TemplateProcessing":
      var isBeforeText = true
      for item in try node.array("single") ?? [] {
        guard let name = try item["SpecialToken"]?.string("id") else {
          isBeforeText = false
          continue
        }
        let ids = try node["special_tokens"]?[name]?.integers("ids") ?? []
        for id in ids {
          guard id >= 0, id < tokenizer.vocabularySize else {
            throw TokenizationError.invalid(
              file: file, key: "\(node.path).special_tokens['\(name)']", found: "\(id)",
              expected: "an id below \(tokenizer.vocabularySize)")
          }
          if isBeforeText { tokenizer.prefixTokens.append(id) } else { tokenizer.suffixTokens.append(id) }
        }
      }
      if tokenizer.specialTokens.beginningOfSequence == nil {
        tokenizer.specialTokens.beginningOfSequence = tokenizer.prefixTokens.first
      }
    case let type:
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).type", found: "'\(type ?? "missing")'",
        supported: ["ByteLevel", "Sequence", "TemplateProcessing"])
    }
  }
}
