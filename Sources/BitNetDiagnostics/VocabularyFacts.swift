import BitNet
import ModelFormats
import Tokenization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How tokenizer, chat template, settings and embedding fit each other.
public struct VocabularyFacts: Sendable, Codable {
  /// Rows of the embedding.
  public var rows: Int
  /// `vocab_size` of `config.json`; `nil` for other formats.
  public var declaredSize: Int?
  /// Tokens of the tokenizer.
  public var tokens: Int
  /// The splitting rule.
  public var preTokenizer: String
  /// The begin token of the tokenizer.
  public var beginToken: Int?
  /// Whether the tokenizer puts it in front of every text.
  public var addsBeginToken: Bool
  /// The end token of the tokenizer itself.
  public var endToken: Int?
  /// The end tokens of `config.json` and `generation_config.json`.
  public var declaredEnds: [Int]
  /// Whether `generation_config.json` says which tokens end generation.
  public var generationDeclaresEnds: Bool
  /// All tokens that end generation here.
  public var stopTokens: [Int]
  /// The control tokens that the chat template writes, in order.
  public var templateTokens: [String]
  /// Those of them that the vocabulary does not have.
  public var unknownTemplateTokens: [String]
  /// Whether the template writes the begin token itself.
  public var templateBegins: Bool
  /// The control token that the template writes behind an answer.
  public var turnEnd: String?
  /// Its id; `nil` if the vocabulary does not have it.
  public var turnEndID: Int?
  /// Why the template cannot be rendered; `nil` if it can, or there is none.
  public var templateProblem: String?
  /// Whether there is a chat template.
  public var hasTemplate: Bool
  /// The mask token that `dlm_config.json` names.
  public var declaredMask: Int?
  /// The mask token of the tokenizer.
  public var tokenizerMask: Int?
  /// The texts of both.
  public var maskTexts: [String]
  /// Those of them whose embedding was never trained.
  public var untrainedMasks: [String]
}

extension VocabularyFacts {
  /// - Throws: `FormatError` for an embedding that cannot be decoded.
  init(_ checkpoint: Checkpoint, tokenizer: Tokenizer) throws {
    let config: HFConfig?
    let generation: HFGenerationConfig?
    if case .huggingFace(let folder) = checkpoint.source {
      (config, generation) = (folder.config, folder.generationConfig)
    } else {
      (config, generation) = (nil, nil)
    }
    let template = TemplateFacts(tokenizer)
    let mask = (try? checkpoint.blockDiffusionConfig())?.maskTokenID ?? config?.maskTokenID
    let roles = [mask, tokenizer.mask].compactMap(\.self)
    let untrained = try checkpoint.untrainedRows(among: roles)
    self.init(
      rows: checkpoint.configuration.vocabularySize, declaredSize: config?.vocabularySize,
      tokens: tokenizer.vocabularySize, preTokenizer: tokenizer.preTokenizerName,
      beginToken: tokenizer.beginningOfSequence, addsBeginToken: tokenizer.addsBeginningOfSequence,
      endToken: tokenizer.endOfSequence, declaredEnds: (config?.eosTokenIDs ?? []) + (generation?.eosTokenIDs ?? []),
      generationDeclaresEnds: !(generation?.eosTokenIDs.isEmpty ?? true),
      stopTokens: tokenizer.endOfGeneration.sorted(), templateTokens: template.tokens,
      unknownTemplateTokens: template.tokens.filter { tokenizer.id(ofTokenNamed: $0) == nil },
      templateBegins: template.begins, turnEnd: template.turnEnd,
      turnEndID: template.turnEnd.flatMap { tokenizer.id(ofTokenNamed: $0) },
      templateProblem: template.problem,
      hasTemplate: tokenizer.chatTemplates["default"] != nil, declaredMask: mask, tokenizerMask: tokenizer.mask,
      maskTexts: [mask, tokenizer.mask].compactMap { $0.map(tokenizer.text(of:)) },
      untrainedMasks: untrained.map { tokenizer.text(of: $0) })
  }
}

/// What a chat template writes around messages.
private struct TemplateFacts {
  var tokens: [String] = []
  var begins = false
  var turnEnd: String?
  var problem: String?

  init(_ tokenizer: Tokenizer) {
    guard tokenizer.chatTemplates["default"] != nil else { return }
    do {
      guard let template = try tokenizer.chatTemplate() else { return }
      let text = try template.render(
        [ChatMessage(role: .user, content: "question"), ChatMessage(role: .assistant, content: "answer")],
        addGenerationPrompt: false)
      tokens = TemplateFacts.marks(in: text)
      let begin = tokenizer.beginningOfSequence.map(tokenizer.text(of:)) ?? ""
      begins = !begin.isEmpty && text.hasPrefix(begin)
      if let answer = text.ranges(of: "answer").last {
        turnEnd = TemplateFacts.marks(in: String(text[answer.upperBound...])).first
      }
    } catch {
      problem = "\(error)"
    }
  }

  /// Texts such as `<|im_end|>`, `<end_of_turn>`, `</s>`, `[INST]`: the frames that vocabularies know.
  private static func marks(in text: String) -> [String] {
    var seen: Set<String> = []
    return text.matches(of: #/<\|[A-Za-z0-9_ ]+\|>|</?[a-z_]+>|\[/?[A-Z_]+\]/#).map { String($0.output) }
      .filter { seen.insert($0).inserted }
  }
}

extension Checkpoint {
  /// Which rows of the embedding were never trained: zero, or the mean of all rows, as resizing an embedding
  /// initializes new ones.
  func untrainedRows(among ids: [Int]) throws -> [Int] {
    guard let tensor = tensors["token_embd.weight"], tensor.type.isFloatingPoint, tensor.columns > 0 else { return [] }
    let known = Set(ids).filter { (0..<tensor.rows).contains($0) }.sorted()
    guard !known.isEmpty else { return [] }
    var mean = Array(repeating: 0.0, count: tensor.columns)
    let sampled = Array(0..<tensor.rows).evenly(4096)
    for row in sampled {
      for (column, value) in try tensor.floats(rows: row..<row + 1).enumerated() { mean[column] += Double(value) }
    }
    let average = mean.map { Float($0 / Double(sampled.count)) }
    let rows = try known.map { try tensor.floats(rows: $0..<$0 + 1) }
    return zip(known, rows).filter { _, row in
      row.allSatisfy { $0 == 0 } || PairSums(average, row).relative < 0.05
    }.map(\.0)
  }
}
