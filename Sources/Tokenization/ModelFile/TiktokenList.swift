/// A tiktoken list: one line "base64 rank" per token. The rank is the id, and of two possible merges the one whose
/// result has the lower rank comes first.
///
/// The file holds neither splitting rule nor control tokens; both are known for Llama 3's, which has 128000 lines.
struct TiktokenList {
  private let file: String
  private var tokens: [[UInt8]] = []

  private static let llama3Size = 128_000

  init(_ bytes: [UInt8], file: String) throws {
    self.file = file
    for (number, line) in bytes.split(separator: 0x0A).enumerated() {
      let line = line.last == 0x0D ? line.dropLast() : line
      let parts = line.split(separator: 0x20)
      guard parts.count == 2, let token = Self.decode(parts[0]), !token.isEmpty,
        let rank = Int(String(decoding: parts[1], as: UTF8.self))
      else {
        throw TokenizationError.unreadable(
          file: file,
          reason: "line \(number + 1) is not \"base64 rank\", and the file does not begin like a SentencePiece model; "
            + "download it again")
      }
      guard rank == tokens.count else {
        throw TokenizationError.invalid(
          file: file, key: "the rank in line \(number + 1)", found: "\(rank)", expected: "\(tokens.count)")
      }
      tokens.append(token)
    }
    guard !tokens.isEmpty else {
      throw TokenizationError.invalid(file: file, key: "the list", found: "empty", expected: "at least one token")
    }
  }

  func tokenizer(_ added: [AddedToken]) throws -> Tokenizer {
    guard tokens.count == Self.llama3Size, let rule = NamedPreTokenizer.named("llama-bpe") else {
      throw TokenizationError.unsupported(
        file: file, key: "the number of tokens of a tiktoken list", found: "\(tokens.count)",
        supported: ["\(Self.llama3Size) (Llama 3); use tokenizer.json for other models"])
    }
    var names = tokens
    var types = [TokenType](repeating: .normal, count: names.count)
    for name in Self.llama3ControlTokens {
      names.append(Array(name.utf8))
      types.append(.control)
    }
    try ModelFile.extend(&names, &types, added, file: file)
    let builder = VocabularyBuilder(file: file, names: ByteStrings(names), types: types, notation: .raw)
    let table = MergeTable(
      symbols: builder.symbols, vocabularySize: builder.count, scores: (0..<names.count).map { -Float($0) },
      alphabet: .bytes)
    let model = BytePairModel(alphabet: .bytes, table: table, fallback: .init(), takesWholePieces: true)
    var tokenizer = builder.tokenizer(kind: .byteLevelBPE, model: model)
    tokenizer.notes = builder.notes
    tokenizer.preTokenizerName = rule.name
    tokenizer.preTokenizer = try PreTokenizer(rule, file: file)
    tokenizer.specialTokens.beginningOfSequence = tokenizer.id(ofTokenNamed: "<|begin_of_text|>")
    tokenizer.specialTokens.endOfSequence = tokenizer.id(ofTokenNamed: "<|end_of_text|>")
    tokenizer.specialTokens.endOfTurn = tokenizer.id(ofTokenNamed: "<|eot_id|>")
    tokenizer.prefixTokens = tokenizer.beginningOfSequence.map { [$0] } ?? []
    return tokenizer
  }

  /// The 256 names that Llama 3's own code (`llama/tokenizer.py`) appends to the list.
  private static let llama3ControlTokens =
    [
      "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
      "<|reserved_special_token_2|>", "<|reserved_special_token_3|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|reserved_special_token_4|>", "<|eot_id|>",
    ] + (5..<251).map { "<|reserved_special_token_\($0)|>" }

  /// RFC 4648 base64 with padding.
  private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    var padding = 0
    for unit in text {
      let value: UInt8
      switch unit {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = unit - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = unit - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = unit - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        padding += 1
        continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return padding <= 2 ? result : nil
  }
}
