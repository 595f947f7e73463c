/// The logits of two models over the same tokens.
public struct LogitsComparison: Sendable, Codable {
  /// The relative difference of a position that counts as none; in nats, KL where only the likeliest tokens are known.
  public var tolerance: Double
  /// Whether every position is within the tolerance.
  public var isSame: Bool
  /// The smallest cosine; `nil` when none is known.
  public var minimumCosine: Double?
  /// The mean cosine; `nil` when none is known.
  public var meanCosine: Double?
  /// The largest KL(a || b) in nats.
  public var maximumDivergence: Double
  /// The mean KL(a || b) in nats.
  public var meanDivergence: Double
  /// The largest difference of two logits.
  public var maximum: Double
  /// The share of positions whose likeliest token is the same.
  public var topAgreement: Double
  /// The position that differs most; `nil` without positions.
  public var worst: PositionComparison?
  /// All positions, text by text.
  public var positions: [PositionComparison]
}

/// The next-token logits of two models after the same tokens.
public struct PositionComparison: Sendable, Codable {
  /// The number of the text.
  public var sequence: Int
  /// The position in the text; the logits are those of the token after it.
  public var position: Int
  /// The token at this position.
  public var token: Int
  /// Its text; `nil` without a tokenizer.
  public var text: String?
  /// The cosine of the two vectors of logits; `nil` when the other side gave only its likeliest tokens.
  public var cosine: Double?
  /// KL(a || b) in nats; a lower bound of it where only the likeliest tokens of the other side are known.
  public var divergence: Double
  /// The largest difference of two logits (of two log-probabilities, where only those are known).
  public var maximum: Double
  /// `||a - b|| / ||a||`, each without its mean: what softmax ignores is no difference. `nil` as for the cosine.
  public var relative: Double?
  /// The likeliest token of the first model.
  public var topA: Int
  /// The likeliest token of the second; `nil` when it is not known to the vocabulary.
  public var topB: Int?

  /// Whether both find the same token likeliest.
  public var topAgrees: Bool { topA == topB }
}

extension PositionComparison {
  /// - Parameters:
  ///   - a: the first model's logits; of two lengths, the tokens that both have are compared.
  ///   - b: the second's.
  package init(sequence: Int, position: Int, token: Int, text: String?, a: [Float], b: [Float]) {
    let count = min(a.count, b.count)
    let first = NextToken(Array(a.prefix(count))), second = NextToken(Array(b.prefix(count)))
    let means = [first, second].map { $0.logits.reduce(0) { $0 + Double($1) } / Double(max(1, count)) }
    var difference = 0.0, square = 0.0, maximum = 0.0
    for (x, y) in zip(first.logits, second.logits) {
      let p = Double(x) - means[0], q = Double(y) - means[1]
      difference += (p - q) * (p - q)
      square += p * p
      let step = abs(Double(x) - Double(y))
      maximum = max(maximum, step.isNaN ? .infinity : step)
    }
    let relative = (difference / square).squareRoot()
    // Equal logits are equal, also those that are no numbers.
    let isEqual = zip(first.logits, second.logits).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
    self.init(
      sequence: sequence, position: position, token: token, text: text,
      cosine: isEqual ? 1 : first.cosine(with: second), divergence: isEqual ? 0 : first.divergence(from: second),
      maximum: isEqual ? 0 : maximum,
      relative: isEqual || difference == 0 ? 0 : relative.isNaN ? .infinity : relative, topA: first.likeliest,
      topB: second.likeliest)
  }
}

extension LogitsComparison {
  init(_ positions: [PositionComparison], tolerance: Double) {
    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let cosines = positions.compactMap(\.cosine)
    func badness(_ position: PositionComparison) -> (Double, Double) {
      (position.relative ?? position.divergence, position.divergence)
    }
    self.init(
      tolerance: tolerance, isSame: positions.allSatisfy { $0.isSame(within: tolerance) },
      minimumCosine: cosines.min(), meanCosine: mean(cosines),
      maximumDivergence: positions.map(\.divergence).max() ?? 0,
      meanDivergence: mean(positions.map(\.divergence)) ?? 0, maximum: positions.map(\.maximum).max() ?? 0,
      topAgreement: Double(positions.count { $0.topAgrees }) / Double(max(1, positions.count)),
      worst: positions.max { badness($0) < badness($1) }, positions: positions)
  }
}

extension PositionComparison {
  /// Where only the likeliest tokens are known, KL decides: other engines round activations in their own way, which moves
  /// the log-probabilities of unlikely tokens much further than the distribution.
  func isSame(within tolerance: Double) -> Bool { (relative ?? divergence) <= tolerance }
}
