import BitNet
import Tokenization

/// The tokenizers of two models.
public struct TokenizerComparison: Sendable, Codable {
  /// A token that differs.
  public struct Token: Sendable, Codable {
    /// The id.
    public var id: Int
    /// What it stands for in the first vocabulary; `nil` beyond its end.
    public var a: String?
    /// What it stands for in the second.
    public var b: String?
  }

  /// A text that becomes different tokens.
  public struct Text: Sendable, Codable {
    /// The text.
    public var text: String
    /// The ids under the first tokenizer.
    public var a: [Int]
    /// The ids under the second.
    public var b: [Int]
  }

  /// Settings of the tokenizers side by side.
  public var settings: [SettingComparison]
  /// How many ids stand for different tokens, those of only one vocabulary included.
  public var differingTokens: Int
  /// The first of them.
  public var firstDifferingToken: Token?
  /// The first text, of those tried, that becomes different tokens.
  public var firstDifferingText: Text?
}

extension TokenizerComparison {
  /// Texts with what tokenizers disagree on: digits, punctuation, line breaks, scripts, emoji.
  private static let samples = [
    ProbeText.english, "if x1 == 1234567:\n    return 3.14  # don't\r\n\n\ttabs  and   spaces",
    "Größe naïve 東京都 हिन्दी ภาษาไทย русский 👩‍👩‍👧 £5 ½", "I'm WE'LL (don't) «quote» e.g. www.example.org/a?b=c&d",
  ]

  init?(_ pair: ComparedPair, texts: [String]) throws {
    guard let a = pair.tokenizers[0], let b = pair.tokenizers[1] else { return nil }
    settings = TokenizerComparison.settings(
      a, b, masks: try [pair.a.maskTokens(tokenizer: a), pair.b.maskTokens(tokenizer: b)])
    differingTokens = 0
    for id in 0..<max(a.vocabularySize, b.vocabularySize) where !TokenizerComparison.isSame(id, a, b) {
      differingTokens += 1
      if firstDifferingToken == nil {
        firstDifferingToken = Token(
          id: id, a: id < a.vocabularySize ? a.text(of: id) : nil, b: id < b.vocabularySize ? b.text(of: id) : nil)
      }
    }
    for text in texts + TokenizerComparison.samples {
      let ids = [a.encode(text), b.encode(text)]
      guard ids[0] != ids[1] else { continue }
      firstDifferingText = Text(text: text, a: ids[0], b: ids[1])
      break
    }
  }

  /// By bytes: texts that Unicode holds to be equal are different tokens.
  private static func isSame(_ id: Int, _ a: Tokenizer, _ b: Tokenizer) -> Bool {
    guard id < a.vocabularySize, id < b.vocabularySize else { return false }
    let bytes = a.bytes(of: id)
    return bytes == b.bytes(of: id) && (!bytes.isEmpty || Array(a.text(of: id).utf8) == Array(b.text(of: id).utf8))
  }

  /// - Parameter masks: the mask tokens by all files, not the tokenizers' alone.
  private static func settings(_ a: Tokenizer, _ b: Tokenizer, masks: [[Int]]) -> [SettingComparison] {
    func row(_ name: String, _ kind: ComparisonDifference.Code?, _ value: (Tokenizer) -> String) -> SettingComparison {
      let texts = [value(a), value(b)]
      return SettingComparison(
        name: name, a: texts[0], b: texts[1], kind: kind,
        matters: kind != nil && Array(texts[0].utf8) != Array(texts[1].utf8))
    }
    func token(_ id: Int?, _ tokenizer: Tokenizer) -> String {
      id.map { "\($0) \(tokenizer.text(of: $0))" } ?? "none"
    }
    func tokens(_ ids: [Int], _ tokenizer: Tokenizer) -> String {
      ids.isEmpty ? "none" : ids.map { token($0, tokenizer) }.joined(separator: ", ")
    }
    let mask = [tokens(masks[0], a), tokens(masks[1], b)]
    var rows = [
      row("tokenizer", nil) { $0.kind.rawValue }, row("pre-tokenizer", nil, \.preTokenizerName),
      row("tokens", .tokenizer) { "\($0.vocabularySize)" },
      row("begin", .specialTokens) { token($0.beginningOfSequence, $0) },
      row("adds begin", .specialTokens) { "\($0.addsBeginningOfSequence)" },
      row("ends", .specialTokens) { tokens($0.endOfGeneration.sorted(), $0) },
      row("padding", nil) { token($0.padding, $0) },
      SettingComparison(
        name: "mask", a: mask[0], b: mask[1], kind: .specialTokens, matters: Array(mask[0].utf8) != Array(mask[1].utf8)),
      row("chat template", .chatTemplate) { $0.chatTemplates["default"] ?? "none" },
    ]
    // A begin that is never added says nothing.
    if !a.addsBeginningOfSequence, !b.addsBeginningOfSequence {
      rows[3].kind = nil
      rows[3].matters = false
    }
    return rows
  }
}
