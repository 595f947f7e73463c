/// Text to token ids and back, for one vocabulary.
///
/// All work is on bytes and Unicode scalars: strings that Swift calls equal because they are canonically equivalent stay
/// different.
public struct Tokenizer: Sendable {
  /// The families of vocabularies.
  public enum Kind: String, Sendable, Hashable {
    /// Symbols are bytes, merges are listed: GPT-2, Llama 3, Qwen, Falcon.
    case byteLevelBPE = "byte-level BPE"
    /// Symbols are characters with `▁` for a space, merges follow from scores: Llama 2 as GGUF or `tokenizer.model`.
    case sentencePieceBPE = "SentencePiece BPE"
    /// Symbols are characters, merges are listed: Llama 2 as `tokenizer.json`.
    case characterBPE = "character BPE"
  }

  /// The file or folder the tokenizer came from.
  public let source: String
  /// The family of the vocabulary.
  public let kind: Kind
  /// The splitting rule: a GGUF name, or the kinds of steps of a `tokenizer.json`.
  public package(set) var preTokenizerName = "none"
  /// What a user should know about how this tokenizer was put together.
  public package(set) var notes: [String] = []
  /// The ids of the tokens with a role.
  public package(set) var specialTokens = SpecialTokenIDs()
  /// Tokens after which a model has nothing more to say.
  public package(set) var endOfGeneration: Set<Int> = []
  /// Chat templates (Jinja source) by name; the default one is called "default".
  public package(set) var chatTemplates: [String: String] = [:]

  /// Token texts as the file writes them.
  let names: ByteStringTable
  let types: [TokenType]
  /// What each token prints; empty for control tokens.
  private let contents: ByteStrings
  private let model: BytePairModel
  var normalizer = Normalizer()
  var preTokenizer = PreTokenizer()
  /// Cut out before and after normalization.
  var rawTokens = SpecialTokenMatcher()
  var normalizedTokens = SpecialTokenMatcher()
  var leadingSpaceRule = LeadingSpaceRule.keep
  /// Added in front of and behind every encoded text.
  var prefixTokens: [Int] = []
  var suffixTokens: [Int] = []

  init(
    source: String, kind: Kind, names: ByteStringTable, types: [TokenType], contents: ByteStrings,
    model: BytePairModel
  ) {
    self.source = source
    self.kind = kind
    self.names = names
    self.types = types
    self.contents = contents
    self.model = model
  }

  /// Number of tokens; ids are `0 ..< vocabularySize`. A model's embedding may have more rows, for padding.
  public var vocabularySize: Int { types.count }
  /// BOS, if the vocabulary has one.
  public var beginningOfSequence: Int? { specialTokens.beginningOfSequence }
  /// EOS, if the vocabulary has one.
  public var endOfSequence: Int? { specialTokens.endOfSequence }
  /// The padding token, if the vocabulary has one.
  public var padding: Int? { specialTokens.padding }
  /// The unknown token, if the vocabulary has one.
  public var unknown: Int? { specialTokens.unknown }
  /// The mask token, if the vocabulary has one.
  public var mask: Int? { specialTokens.mask }
  /// Whether `encode` puts BOS in front.
  public var addsBeginningOfSequence: Bool {
    specialTokens.beginningOfSequence.map { prefixTokens.contains($0) } ?? false
  }
  /// One line for logs.
  public var summary: String { "\(kind.rawValue), \(vocabularySize) tokens, pre-tokenizer \(preTokenizerName)" }

  /// The ids of a text.
  ///
  /// - Parameters:
  ///   - addSpecialTokens: adds what the vocabulary wants around a text (BOS, EOS). A text that already begins with these
  ///     tokens, as chat templates may make it, does not get them twice if `parseSpecialTokens` is on.
  ///   - parseSpecialTokens: recognizes control tokens by their text. Only for text whose author is trusted with them,
  ///     such as a chat template's own; user-defined tokens are always recognized.
  public func encode(_ text: String, addSpecialTokens: Bool = true, parseSpecialTokens: Bool = false) -> [Int] {
    var scratch = BytePairModel.Scratch(textLength: text.utf8.count)
    return encode(
      text, addSpecialTokens: addSpecialTokens, parseSpecialTokens: parseSpecialTokens, scratch: &scratch)
  }

  /// As `encode`, leaving its counters in `scratch`.
  package func encode(
    _ text: String, addSpecialTokens: Bool, parseSpecialTokens: Bool, scratch: inout BytePairModel.Scratch,
    removing shield: Shield? = nil
  ) -> [Int] {
    let bytes = Array(text.utf8)
    var ids: [Int] = []
    ids.reserveCapacity(bytes.count / 4 + prefixTokens.count + suffixTokens.count)
    if addSpecialTokens { ids = prefixTokens }
    for fragment in rawTokens.fragments(bytes, 0..<bytes.count, parsingAll: parseSpecialTokens) {
      switch fragment {
      case .token(let id): ids.append(id)
      case .text(let range):
        let isTextStart = range.lowerBound == 0
        if let shield {
          let text = shield.removed(from: bytes[range])
          encodeFragment(
            text, 0..<text.count, isTextStart: isTextStart, parseSpecialTokens: false, &scratch, to: &ids)
        } else {
          encodeFragment(
            bytes, range, isTextStart: isTextStart, parseSpecialTokens: parseSpecialTokens, &scratch, to: &ids)
        }
      }
    }
    guard addSpecialTokens else { return ids }
    if parseSpecialTokens, !prefixTokens.isEmpty, ids.dropFirst(prefixTokens.count).starts(with: prefixTokens) {
      ids.removeFirst(prefixTokens.count)
    }
    if parseSpecialTokens, ids.count > prefixTokens.count, ids.suffix(suffixTokens.count) == suffixTokens[...] {
      return ids
    }
    return ids + suffixTokens
  }

  private func encodeFragment(
    _ text: [UInt8], _ range: Range<Int>, isTextStart: Bool, parseSpecialTokens: Bool,
    _ scratch: inout BytePairModel.Scratch, to ids: inout [Int]
  ) {
    guard !normalizer.steps.isEmpty || !normalizedTokens.isEmpty else {
      return encodePieces(preTokenizer.split(text, range, isTextStart: isTextStart), &scratch, to: &ids)
    }
    let normalized = normalizer.normalize(text, range)
    let fragments = normalizedTokens.fragments(
      normalized, 0..<normalized.count, parsingAll: parseSpecialTokens)
    for fragment in fragments {
      switch fragment {
      case .token(let id): ids.append(id)
      case .text(let part):
        let atStart = isTextStart && part.lowerBound == 0
        encodePieces(preTokenizer.split(normalized, part, isTextStart: atStart), &scratch, to: &ids)
      }
    }
  }

  private func encodePieces(
    _ pieces: PreTokenizer.Pieces, _ scratch: inout BytePairModel.Scratch, to ids: inout [Int]
  ) {
    for piece in pieces.ranges { model.encode(pieces.text, piece, &scratch, to: &ids) }
  }

  /// The id of the token that the vocabulary writes as `text`.
  public func id(ofTokenNamed text: String) -> Int? {
    let bytes = Array(text.utf8)
    return names.find(bytes, 0..<bytes.count)
  }

  /// What kind of token `id` is; nil outside the vocabulary.
  public func type(of id: Int) -> TokenType? { types.indices.contains(id) ? types[id] : nil }

  /// The bytes a token prints: empty for control, unknown and unused tokens and outside the vocabulary. They may be a
  /// part of a character.
  public func bytes(of token: Int) -> [UInt8] {
    types.indices.contains(token) ? Array(contents[token]) : []
  }

  /// A token for the eye: what it prints, or its name if it prints nothing. Incomplete characters show as U+FFFD.
  public func text(of token: Int) -> String {
    guard types.indices.contains(token) else { return "" }
    let bytes = contents[token].isEmpty ? names.strings[token] : contents[token]
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whether generation stops at `token`.
  public func isEndOfGeneration(_ token: Int) -> Bool { endOfGeneration.contains(token) }
}

extension Tokenizer {
  /// The text of a sequence of tokens; ids outside the vocabulary print nothing, malformed UTF-8 becomes U+FFFD.
  ///
  /// - Parameter includingSpecialTokens: prints control tokens by their names.
  public func decode(_ tokens: some Sequence<Int>, includingSpecialTokens: Bool = false) -> String {
    var bytes: [UInt8] = []
    var state = LeadingSpaceRule.State(isStart: true)
    for token in tokens {
      appendBytes(of: token, includingSpecialTokens: includingSpecialTokens, &state, to: &bytes)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A decoder for tokens that come one at a time.
  ///
  /// - Parameter continuing: the tokens go on a text that has begun, so that a leading space is the text's own.
  public func makeStreamingDecoder(includingSpecialTokens: Bool = false, continuing: Bool = false) -> StreamingDecoder {
    StreamingDecoder(tokenizer: self, includingSpecialTokens: includingSpecialTokens, continuing: continuing)
  }

  func appendBytes(
    of token: Int, includingSpecialTokens: Bool, _ state: inout LeadingSpaceRule.State, to bytes: inout [UInt8]
  ) {
    guard types.indices.contains(token) else { return }
    switch types[token] {
    case .control, .unknown, .unused:
      if includingSpecialTokens {
        bytes.append(contentsOf: names.strings[token])
        state.mayDrop = false
      }
      if leadingSpaceRule == .dropAfterSpecialTokens { state.mayDrop = true }
    case .normal, .userDefined, .byte:
      let content = contents[token]
      guard !content.isEmpty else { return }
      let drops = state.mayDrop && leadingSpaceRule != .keep && types[token] == .normal && content.first == 0x20
      bytes.append(contentsOf: drops ? content.dropFirst() : content)
      state.mayDrop = leadingSpaceRule == .dropAfterSpecialTokens && types[token] == .userDefined
    }
  }
}
