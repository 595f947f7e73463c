#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The distribution of the next token, computed from its logits in double precision.
struct NextToken {
  let logits: [Float]
  private let largest: Double
  private let logTotal: Double

  init(_ logits: [Float]) {
    self.logits = logits
    let largest = Double(logits.max() ?? 0)
    self.largest = largest
    logTotal = log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
  }

  func logProbability(_ token: Int) -> Double { Double(logits[token]) - largest - logTotal }

  func probability(_ token: Int) -> Double { exp(logProbability(token)) }

  /// Adds every token's probability to a sum over positions.
  func addProbabilities(to sums: inout [Double]) {
    for token in logits.indices { sums[token] += exp(Double(logits[token]) - largest - logTotal) }
  }

  /// In nats.
  var entropy: Double {
    logits.indices.reduce(0) { sum, token in
      let p = probability(token)
      return p > 0 ? sum - p * logProbability(token) : sum
    }
  }

  /// KL(self || other) in nats.
  func divergence(from other: NextToken) -> Double {
    max(
      0,
      logits.indices.reduce(0) { sum, token in
        let p = probability(token)
        return p > 0 ? sum + p * (logProbability(token) - other.logProbability(token)) : sum
      })
  }

  /// The cosine of the two vectors of logits.
  func cosine(with other: NextToken) -> Double {
    var product = 0.0, square = 0.0, otherSquare = 0.0
    for (a, b) in zip(logits, other.logits) {
      product += Double(a) * Double(b)
      square += Double(a) * Double(a)
      otherSquare += Double(b) * Double(b)
    }
    return square > 0 && otherSquare > 0 ? product / (square * otherSquare).squareRoot() : 0
  }

  /// The likeliest token, the smaller id among equals.
  var likeliest: Int {
    logits.indices.reduce(0) { logits[$1] > logits[$0] ? $1 : $0 }
  }

  /// The likeliest tokens, likeliest first, the smaller id first among equals.
  func top(_ count: Int) -> [Int] {
    Array(logits.indices.sorted { logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1 }.prefix(count))
  }
}
