/// Works out, for each token of a vocabulary, what it prints and whether merging may produce it.
struct VocabularyBuilder {
  /// How token texts are written.
  enum Notation {
    /// Each character stands for a byte: see `ByteAlphabet`.
    case byteLevel
    /// Plain text with `▁` for a space and `<0x0A>` for bytes.
    case spaceSymbol
    /// Raw bytes (tiktoken files).
    case raw
  }

  /// U+2581 `▁`, which stands for a space in SentencePiece vocabularies.
  static let spaceSymbol: [UInt8] = [0xE2, 0x96, 0x81]

  let file: String
  let notation: Notation
  let names: ByteStringTable
  let types: [TokenType]
  /// What each token prints.
  private(set) var contents = ByteStrings()
  /// What merging works on: the bytes (byte level, raw) or the text (`▁`) of every token that it may produce.
  private(set) var symbols: ByteStringTable
  /// Ids of `<0x00>` … `<0xFF>`, -1 where missing; empty if there are none.
  private(set) var byteTokens: [Int] = []
  private(set) var notes: [String] = []

  var count: Int { types.count }

  /// - Parameters:
  ///   - types: one per name.
  ///   - mergesUserDefined: merging may also produce user-defined tokens, as where an added token of a `tokenizer.json`
  ///     is a token of its model too.
  init(
    file: String, names: ByteStrings, types: [TokenType], notation: Notation, mergesUserDefined: Bool = false
  ) {
    self.file = file
    self.notation = notation
    self.types = types
    var table = ByteStringTable(strings: names)
    var duplicates = 0
    for id in 0..<names.count where !table.insert(id) { duplicates += 1 }
    self.names = table
    var texts = ByteStrings()
    texts.reserveCapacity(strings: names.count, bytes: names.bytes.count)
    contents.reserveCapacity(strings: names.count, bytes: names.bytes.count)
    var bytes = [Int](repeating: -1, count: 256)
    for id in 0..<names.count {
      let name = Array(names[id])
      var text = name
      var content = name
      switch types[id] {
      case .control, .unknown, .unused: content = []
      case .userDefined:
        if notation == .byteLevel { text = ByteAlphabet.bytes(ofMapped: name) ?? [] }
      case .byte:
        if let value = Self.byteValue(name) {
          content = [value]
          if bytes[Int(value)] < 0 { bytes[Int(value)] = id }
        }
      case .normal:
        switch notation {
        case .byteLevel:
          // A token written outside the byte alphabet cannot come out of merging; it still prints its text.
          text = ByteAlphabet.bytes(ofMapped: name) ?? []
          content = text.isEmpty ? name : text
        case .spaceSymbol:
          content = []
          PreTokenizer.replace(name, 0..<name.count, Self.spaceSymbol, with: [0x20], to: &content)
        case .raw: break
        }
      }
      texts.append(text)
      contents.append(content)
    }
    symbols = ByteStringTable(strings: texts)
    for id in 0..<names.count where types[id] == .normal && !texts.range(id).isEmpty { _ = symbols.insert(id) }
    if mergesUserDefined {
      for id in 0..<names.count where types[id] == .userDefined && !texts.range(id).isEmpty { _ = symbols.insert(id) }
    }
    if bytes.contains(where: { $0 >= 0 }) { byteTokens = bytes }
    if duplicates > 0 { notes.append("\(duplicates) tokens repeat the text of an earlier one and are never produced") }
  }

  /// The byte that a token text such as `<0x0A>` stands for.
  static func byteValue(_ name: [UInt8]) -> UInt8? {
    guard name.count == 6, name.starts(with: "<0x".utf8), name[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: name[3..<5], as: UTF8.self), radix: 16)
  }

  /// The parts of merges as bytes; merges written outside the byte alphabet can never apply and are left out.
  mutating func byteLevelMerges(_ pairs: ByteStrings) -> ByteStrings {
    var result = ByteStrings()
    result.reserveCapacity(strings: pairs.count, bytes: pairs.bytes.count)
    var dropped = 0
    for rank in 0..<pairs.count / 2 {
      guard let left = ByteAlphabet.bytes(ofMapped: pairs[2 * rank]), !left.isEmpty,
        let right = ByteAlphabet.bytes(ofMapped: pairs[2 * rank + 1]), !right.isEmpty
      else {
        dropped += 1
        continue
      }
      result.append(left)
      result.append(right)
    }
    if dropped > 0 { notes.append("\(dropped) merges use characters outside the byte alphabet and never apply") }
    return result
  }

  /// Notes what is odd about a vocabulary's merges.
  mutating func note(_ table: MergeTable) {
    if table.duplicateMerges > 0 { notes.append("\(table.duplicateMerges) merges repeat an earlier one") }
    if table.mergesWithoutToken > 0 {
      notes.append("\(table.mergesWithoutToken) merges name a text that is no token of the vocabulary")
    }
  }

  /// A tokenizer in which tokens are cut out by their type alone.
  func tokenizer(kind: Tokenizer.Kind, model: BytePairModel) -> Tokenizer {
    var tokenizer = Tokenizer(
      source: file, kind: kind, names: names, types: types, contents: contents, model: model)
    var special: [SpecialToken] = []
    for id in 0..<count where [.control, .unknown, .userDefined].contains(types[id]) {
      var token = SpecialToken(id: id, content: Array(names.strings[id]))
      token.isAlwaysCut = types[id] == .userDefined
      special.append(token)
    }
    tokenizer.rawTokens = SpecialTokenMatcher(special)
    return tokenizer
  }
}

extension PreTokenizer {
  /// The steps of a named rule.
  init(_ rule: NamedPreTokenizer, file: String) throws(TokenizationError) {
    var steps: [Step] = []
    for expression in rule.expressions {
      do throws(SplitPattern.CompileError) {
        steps.append(.split(try SplitPattern(expression), .isolated, inverted: false))
      } catch {
        throw .unreadable(file: file, reason: "splitting rule \(rule.name): \(error.reason)")
      }
    }
    self.init(steps)
  }
}

extension Tokenizer {
  /// Collects the tokens that end generation: those with such a role, those with a well-known text, and `declared`.
  mutating func addEndOfGeneration(_ declared: [Int]) {
    let roles = [specialTokens.endOfSequence, specialTokens.endOfTurn, specialTokens.endOfMessage]
    endOfGeneration = Set(roles.compactMap { $0 })
    endOfGeneration.formUnion(SpecialTokenIDs.endOfGenerationTexts.compactMap(id(ofTokenNamed:)))
    endOfGeneration.formUnion(declared.filter(types.indices.contains))
  }
}
