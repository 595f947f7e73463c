public import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How well the model predicts a text, under each quantization mode.
public struct TextProbe: Sendable, Codable {
  /// The loss under one mode.
  public struct Loss: Sendable, Codable {
    /// The arithmetic.
    public var mode: QuantizationMode
    /// The mean negative log-likelihood of the text's tokens but the first, in nats per token.
    public var loss: Double
    /// The loss of the model's own average prediction over the text, taken for every token: what it knows without
    /// looking at what came before. A model that uses its context is well below it.
    public var contextFreeLoss: Double

    /// `exp(loss)`.
    public var perplexity: Double { exp(loss) }
  }

  /// How many tokens were predicted.
  public var tokens: Int
  /// The loss of a model that knows nothing: ln(vocabulary size).
  public var uniformLoss: Double
  /// The loss under each mode: `none`, `weightOnly`, `bitLinear`.
  public var losses: [Loss]

  /// The loss under a mode.
  public func loss(_ mode: QuantizationMode) -> Double {
    losses.first { $0.mode == mode }?.loss ?? .infinity
  }

  /// The smallest loss of all modes.
  public var best: Double { losses.map(\.loss).min() ?? .infinity }

  /// The mode with the smallest loss, the first of equals.
  public var bestMode: QuantizationMode { losses.min { $0.loss < $1.loss }?.mode ?? .none }

  /// The best loss as a share of that of a model that knows nothing.
  var share: Double { best / uniformLoss }
}

extension TextProbe {
  /// The most tokens of a text that are looked at.
  static let limit = 512

  /// Measures the loss on a text.
  ///
  /// - Parameters:
  ///   - tokens: the text, at least two tokens; cut to the context.
  ///   - models: the model in all modes.
  /// - Throws: `ModelError`, `CancellationError`.
  init?(tokens: [Int], models: [Model], isCancelled: () -> Bool) throws {
    guard let first = models.first, tokens.count >= 2 else { return nil }
    let text = Array(tokens.prefix(min(TextProbe.limit, first.contextLength)))
    self.tokens = text.count - 1
    uniformLoss = log(Double(first.configuration.vocabularySize))
    losses = try models.map { model in
      var sum = 0.0
      var average = Array(repeating: 0.0, count: model.configuration.vocabularySize)
      try model.makeSession().evaluate(
        text, isCancelled: isCancelled,
        eachLogits: { position, logits in
          guard position + 1 < text.count else { return }
          let next = NextToken(logits)
          sum -= next.logProbability(text[position + 1])
          next.addProbabilities(to: &average)
        })
      let count = Double(text.count - 1)
      let contextFree = text.dropFirst().reduce(0) { $0 - log(average[$1] / count) } / count
      return Loss(mode: model.mode, loss: sum / count, contextFreeLoss: contextFree)
    }
  }
}

extension Model {
  /// The mean negative log-likelihood of a text's tokens but the first, in nats per token.
  ///
  /// - Parameter start: tokens in front of the text that are not counted.
  /// - Throws: `ModelError`, `CancellationError`.
  func loss(on text: [Int], after start: [Int] = [], isCancelled: () -> Bool) throws -> Double {
    let tokens = start + text.prefix(min(TextProbe.limit, contextLength - start.count))
    var sum = 0.0
    try makeSession().evaluate(
      tokens, isCancelled: isCancelled,
      eachLogits: { position, logits in
        guard position >= start.count, position + 1 < tokens.count else { return }
        sum -= NextToken(logits).logProbability(tokens[position + 1])
      })
    return sum / Double(max(1, tokens.count - start.count - 1))
  }
}
