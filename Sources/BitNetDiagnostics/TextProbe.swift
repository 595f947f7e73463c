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
}

extension TextProbe {
  /// Measures the loss on a text.
  ///
  /// - Parameters:
  ///   - tokens: the text, at least two tokens; cut to the context.
  ///   - models: the model in all modes.
  /// - Throws: `ModelError`, `CancellationError`.
  init?(tokens: [Int], models: [Model], isCancelled: () -> Bool) throws {
    guard let first = models.first, tokens.count >= 2 else { return nil }
    let text = Array(tokens.prefix(min(512, first.contextLength)))
    self.tokens = text.count - 1
    uniformLoss = log(Double(first.configuration.vocabularySize))
    losses = try models.map { model in
      var sum = 0.0
      try model.makeSession().evaluate(
        text, isCancelled: isCancelled,
        eachLogits: { position, logits in
          guard position + 1 < text.count else { return }
          sum -= NextToken(logits).logProbability(text[position + 1])
        })
      return Loss(mode: model.mode, loss: sum / Double(text.count - 1))
    }
  }
}
