#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Chooses tokens for masked positions.
struct MaskPredictor {
  private let maskToken: Int
  /// Whether the likeliest token is always taken.
  private let isPlain: Bool
  private var sampler: Sampler

  init(maskToken: Int, sampling: Sampling) {
    self.maskToken = maskToken
    sampler = Sampler(sampling)
    isPlain = sampler.neededTokens == 1
  }

  /// The token for a position and its confidence, `softmax(logits)[token]` without the mask token. The softmax is summed in
  /// the order of the tokens, so that the bits depend on the logits alone.
  ///
  /// - Parameters:
  ///   - logits: those of the position before, `[vocabularySize]`.
  ///   - tokens: of the sequence, for the repetition penalty.
  mutating func predict(_ logits: [Float], position: Int, behind tokens: [Int?]) -> BlockDiffusionStep.Prediction {
    let mask = logits[maskToken]
    var logits = logits
    logits[maskToken] = -.infinity
    var likeliest = 0
    var largest = -Float.infinity
    for (token, logit) in logits.enumerated() where logit > largest { (likeliest, largest) = (token, logit) }
    var sum = 0.0
    for logit in logits where logit > largest - 80 { sum += Double(exp(logit - largest)) }
    let token =
      isPlain
      ? likeliest : sampler.next(TokenLogit.all(logits), recent: tokens.prefix(position).compactMap(\.self))
    return BlockDiffusionStep.Prediction(
      position: position, token: token, confidence: Float(Double(exp(logits[token] - largest)) / sum),
      echoesMask: mask > largest)
  }
}
