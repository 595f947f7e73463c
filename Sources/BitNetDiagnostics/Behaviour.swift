public import BitNet
import Tokenization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What the model predicts after one prompt, under each quantization mode.
public struct PromptBehaviour: Sendable, Codable {
  /// The prompt's text; `nil` when only token ids were given.
  public var prompt: String?
  /// The prompt's token ids.
  public var tokens: [Int]
  /// One entry per mode: `none`, `weightOnly`, `bitLinear`.
  public var modes: [ModeBehaviour]
}

/// What the model predicts after a prompt under one mode.
public struct ModeBehaviour: Sendable, Codable {
  /// The arithmetic.
  public var mode: QuantizationMode
  /// The five likeliest next tokens.
  public var top: [TokenProbability]
  /// The entropy of the next token in nats.
  public var entropy: Double
  /// The probability of each token that the model declares as an end.
  public var endTokens: [TokenProbability]
  /// KL(none || mode) of the next token in nats.
  public var divergence: Double
  /// The cosine of the logits with those of mode `none`.
  public var cosine: Double
  /// The greedy continuation; `nil` when the model has no tokenizer.
  public var continuation: String?
  /// The ids of the greedy continuation.
  public var continuationTokens: [Int]
  /// The share of the continuation's tokens that repeat one of the four before them: 0 for prose, near 1 for `,,,,,`.
  public var repetition: Double
  /// The root mean square of the residual stream after each block, over all tokens of the prompt.
  public var hiddenRMS: [Double]
  /// How widely the attention of each block spreads over the tokens of the prompt, as the mean over heads and tokens: its
  /// entropy as a share of the largest possible one. 0 for one token that gets everything, 1 for all getting the same;
  /// `nil` for a prompt of one token.
  public var attentionEntropy: [Double]?
  /// The first block whose RMS differs from mode `none`'s by more than a factor of 1.5; `nil` if none does.
  public var departsAtLayer: Int?
  /// Whether any logit is infinite or not a number.
  public var hasNonFiniteLogits: Bool

  /// The probability of ending here.
  public var endProbability: Double { endTokens.reduce(0) { $0 + $1.probability } }
}

/// A token and how likely it is.
public struct TokenProbability: Sendable, Codable {
  /// The token's id.
  public var id: Int
  /// The token's text; `nil` when the model has no tokenizer.
  public var text: String?
  /// Its probability, 0 to 1.
  public var probability: Double
}

extension PromptBehaviour {
  /// Runs the prompt under all modes.
  ///
  /// - Parameter models: the model in the modes `none`, `weightOnly`, `bitLinear`.
  /// - Throws: `ModelError` when the prompt does not fit, `CancellationError`.
  init(
    prompt: String?, tokens: [Int], models: [Model], continuationLength: Int, isCancelled: () -> Bool
  ) throws {
    self.prompt = prompt
    self.tokens = tokens
    modes = []
    var reference: NextToken?
    for model in models {
      let (behaviour, next) = try ModeBehaviour.measure(
        model, tokens: tokens, reference: reference, referenceRMS: modes.first?.hiddenRMS,
        continuationLength: continuationLength, isCancelled: isCancelled)
      reference = reference ?? next
      modes.append(behaviour)
    }
  }
}

extension ModeBehaviour {
  fileprivate static func measure(
    _ model: Model, tokens: [Int], reference: NextToken?, referenceRMS: [Double]?, continuationLength: Int,
    isCancelled: () -> Bool
  ) throws -> (ModeBehaviour, NextToken) {
    let session = model.makeSession()
    var squares = Array(repeating: 0.0, count: model.configuration.layerCount)
    var attention = AttentionEntropy(model.configuration)
    try session.evaluate(
      tokens, isCancelled: isCancelled,
      observe: { _, layer, hidden in
        guard layer >= 0 else { return }
        squares[layer] += hidden.reduce(0.0) { $0 + Double($1) * Double($1) }
      },
      inspect: { layer, stage, values in attention.see(layer, stage, values) })
    let count = Double(tokens.count * model.configuration.hiddenSize)
    let rms = squares.map { ($0 / count).squareRoot() }
    let next = NextToken(try session.logits(after: tokens, isCancelled: isCancelled))
    var continuation: [Int] = []
    let room = min(continuationLength, model.contextLength - tokens.count)
    if room > 0 {
      // Past the end tokens: what a model says after wanting to stop is evidence too.
      do {
        try session.generate(
          tokens, options: GenerationOptions(maximumTokens: room, sampling: .greedy, stopsAtEnd: false),
          isCancelled: isCancelled
        ) { continuation.append($0) }
      } catch ModelError.nonFiniteLogits {
        // Evidence as well: the continuation ends here.
      }
    }
    let tokenizer = model.tokenizer
    func named(_ id: Int) -> TokenProbability {
      TokenProbability(id: id, text: tokenizer?.text(of: id), probability: next.probability(id))
    }
    let ends = (tokenizer?.endOfGeneration ?? []).filter(next.logits.indices.contains).sorted()
    let departure = referenceRMS.flatMap { expected in
      zip(expected, rms).enumerated().first { abs(log($1.1 / $1.0)) > log(1.5) }?.offset
    }
    let behaviour = ModeBehaviour(
      mode: model.mode, top: next.top(5).map(named), entropy: next.entropy, endTokens: ends.map(named),
      divergence: reference?.divergence(from: next) ?? 0, cosine: reference?.cosine(with: next) ?? 1,
      continuation: tokenizer?.decode(continuation, includingSpecialTokens: true), continuationTokens: continuation,
      repetition: repetition(continuation), hiddenRMS: rms,
      attentionEntropy: attention.shares, departsAtLayer: departure,
      hasNonFiniteLogits: next.logits.contains { !$0.isFinite })
    return (behaviour, next)
  }

  /// The share of tokens that occur among the four before them.
  static func repetition(_ tokens: [Int]) -> Double {
    guard tokens.count > 1 else { return 0 }
    let repeated = tokens.indices.dropFirst().count { tokens[max(0, $0 - 4)..<$0].contains(tokens[$0]) }
    return Double(repeated) / Double(tokens.count - 1)
  }
}
