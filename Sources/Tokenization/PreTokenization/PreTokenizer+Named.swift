/// The splitting rules that GGUF names in `tokenizer.ggml.pre` (llama.cpp, `src/llama-vocab.cpp`).
package struct NamedPreTokenizer: Sendable {
  /// The rule's name in summaries.
  package let name: String
  /// Applied in order, every match a piece of its own.
  package let expressions: [String]
  /// A piece that is a token is taken whole.
  package let takesWholePieces: Bool
  /// Whether BOS is added where the file does not say.
  package let addsBeginningOfSequence: Bool

  private static let contractions =
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
  private static let afterNumbers =
    #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#
  private static let llama3 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"# + afterNumbers
  private static let qwen2 = contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"# + afterNumbers

  private init(
    _ name: String, _ expressions: [String], takesWholePieces: Bool = false, addsBeginningOfSequence: Bool = false
  ) {
    self.name = name
    self.expressions = expressions
    self.takesWholePieces = takesWholePieces
    self.addsBeginningOfSequence = addsBeginningOfSequence
  }

  /// Names in GGUF files, by the rule they stand for.
  private static let groups: [(rule: NamedPreTokenizer, names: [String])] = [
    (
      NamedPreTokenizer("llama-bpe", [llama3], takesWholePieces: true, addsBeginningOfSequence: true),
      [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
      ]
    ),
    (NamedPreTokenizer("llama-bpe", [llama3]), ["dbrx", "smaug-bpe"]),
    (
      NamedPreTokenizer("smollm", [#"\p{N}"#, gpt2]),
      ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"]
    ),
    (
      NamedPreTokenizer("gpt-2", [gpt2]),
      [
        "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "gigachat",
        "a.x-4.0", "mellum", "modern-bert", "roberta-bpe", "mpt", "olmo", "jais", "exaone4", "trillion",
        "granite-docling",
      ]
    ),
    (
      NamedPreTokenizer("qwen2", [qwen2]),
      ["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "megrez", "solar-open"]
    ),
    (
      NamedPreTokenizer("falcon", [#"[\p{P}\$\+<=>\^~\|`]+"#, gpt2, "[0-9][0-9][0-9]"]), ["falcon"]
    ),
    (
      NamedPreTokenizer("default", [#"[\p{P}\$\+<=>\^~\|]+"#, gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]"]), ["default"]
    ),
  ]

  /// Every name that `named` knows.
  package static let supportedNames = groups.flatMap(\.names).sorted()

  /// The rule a GGUF file calls `name`, or nil if this library does not have it.
  package static func named(_ name: String) -> NamedPreTokenizer? {
    groups.first { $0.names.contains(name) }?.rule
  }

  /// The GGUF name of the rule that splits by these expressions as `tokenizer.json` files write them, if there is one.
  static func name(splitting expressions: [String], takesWholePieces: Bool) -> String? {
    let own = expressions.map { expression in
      guard expression != byteLevelExpression else { return gpt2 }
      let caseless = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
      return expression.hasPrefix(caseless) ? contractions + expression.dropFirst(caseless.count) : expression
    }
    return groups.first { $0.rule.expressions == own && $0.rule.takesWholePieces == takesWholePieces }?.names.first
  }

  /// GPT-2's expression with the alternative that Hugging Face's ByteLevel ends in.
  package static let byteLevelExpression = gpt2 + #"|\s+"#

  /// Llama 3's expression, which its tiktoken file needs and does not hold.
  package static let llama3Expression = llama3
}
