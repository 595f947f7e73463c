import BitNet
import Kernels

/// What the weights of one linear layer look like, and what ternarization makes of them.
public struct WeightStatistics: Sendable, Codable {
  /// The canonical name, such as `blk.0.attn_q.weight`.
  public var name: String
  /// How the file stores it.
  public var storage: String
  /// `[outputs, inputs]`.
  public var shape: [Int]
  /// The smallest weight.
  public var minimum: Float
  /// The largest weight.
  public var maximum: Float
  /// The mean of the magnitudes; 0 if there are none.
  public var absmean: Double
  /// The standard deviation.
  public var standardDeviation: Double
  /// The square root of the sum of squares.
  public var frobenius: Double
  /// Whether the weights are -s, 0, +s already.
  public var isTernary: Bool
  /// The `s` of the ternary weights: the tensor's own if it is ternary, else its absmean (at least 1e-5).
  public var scale: Float
  /// The Frobenius norm after ternarization.
  public var ternaryFrobenius: Double
  /// The mean magnitude after ternarization.
  public var ternaryAbsmean: Double
  /// The shares of -1, 0 and +1.
  public var shares: TritShares
  /// The number of different values, counted up to ``distinctLimit``.
  public var distinctValues: Int
  /// Values that are infinite or not a number.
  public var nonFinite: Int
  /// Rows (outputs) that are zero throughout.
  public var zeroRows: Int

  /// ``ternaryFrobenius`` / ``frobenius``; 1 for a ternary tensor.
  public var frobeniusRatio: Double { frobenius > 0 ? ternaryFrobenius / frobenius : 1 }

  /// How many different values are counted at most; a count of one more means "more than that".
  public static let distinctLimit = 1024
}

/// How often each ternary value occurs, as shares of 1.
public struct TritShares: Sendable, Codable {
  /// The share of -1.
  public var minus: Double
  /// The share of 0.
  public var zero: Double
  /// The share of +1.
  public var plus: Double
}

extension WeightStatistics {
  /// Measures a matrix.
  ///
  /// - Complexity: two passes over the decoded rows, split between the threads; all sums are per row in double
  ///   precision and added in order, so that the figures do not depend on the number of threads.
  init(name: String, storage: String, matrix: StoredMatrix, pool: ThreadPool) {
    let rows = matrix.shape[0], columns = matrix.shape[1]
    let count = Double(max(1, rows * columns))
    let sums = pool.map(count: rows) { RowSums(matrix.floats(row: $0)) }
    let total = sums.reduce(into: RowSums()) { $0.add($1) }
    let isTernary = total.onlyMagnitude != nil && total.nonFinite == 0
    let absmean = total.magnitude / count
    let scale = isTernary && total.onlyMagnitude != 0 ? total.onlyMagnitude ?? 0 : max(Float(absmean), 1e-5)
    let trits = pool.map(count: rows) { row in
      var counts = (minus: 0, plus: 0)
      for value in matrix.floats(row: row) {
        let q = value / scale
        if q > 0.5 { counts.plus += 1 } else if q < -0.5 { counts.minus += 1 }
      }
      return counts
    }
    let minus = Double(trits.reduce(0) { $0 + $1.minus }), plus = Double(trits.reduce(0) { $0 + $1.plus })
    let mean = total.sum / count
    self.init(
      name: name, storage: storage, shape: matrix.shape, minimum: total.minimum, maximum: total.maximum,
      absmean: absmean, standardDeviation: max(0, total.square / count - mean * mean).squareRoot(),
      frobenius: total.square.squareRoot(), isTernary: isTernary, scale: scale,
      ternaryFrobenius: Double(scale) * (minus + plus).squareRoot(),
      ternaryAbsmean: Double(scale) * (minus + plus) / count,
      shares: TritShares(minus: minus / count, zero: 1 - (minus + plus) / count, plus: plus / count),
      distinctValues: isTernary
        ? (minus > 0 ? 1 : 0) + (plus > 0 ? 1 : 0) + (minus + plus < count ? 1 : 0) : countDistinct(matrix),
      nonFinite: total.nonFinite, zeroRows: sums.count { $0.onlyMagnitude == 0 })
  }
}

/// The sums over one row; they add up over the rows.
private struct RowSums {
  var minimum = Float.infinity
  var maximum = -Float.infinity
  var sum = 0.0
  var magnitude = 0.0
  var square = 0.0
  var nonFinite = 0
  /// The only magnitude but 0 that occurs; 0 when there is none, `nil` when there are several.
  var onlyMagnitude: Float? = 0

  init() {}

  init(_ values: [Float]) {
    for value in values {
      guard value.isFinite else {
        nonFinite += 1
        continue
      }
      minimum = min(minimum, value)
      maximum = max(maximum, value)
      let magnitude = abs(value)
      sum += Double(value)
      self.magnitude += Double(magnitude)
      square += Double(value) * Double(value)
      if let only = onlyMagnitude, magnitude != 0, magnitude != only {
        onlyMagnitude = only == 0 ? magnitude : nil
      }
    }
  }

  mutating func add(_ other: RowSums) {
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
    sum += other.sum
    magnitude += other.magnitude
    square += other.square
    nonFinite += other.nonFinite
    if let mine = onlyMagnitude, other.onlyMagnitude != mine, other.onlyMagnitude != 0 {
      onlyMagnitude = mine == 0 ? other.onlyMagnitude : nil
    }
  }
}

/// Counts different values row by row until there are more than the limit.
private func countDistinct(_ matrix: StoredMatrix) -> Int {
  var seen: Set<UInt32> = []
  for row in 0..<matrix.shape[0] {
    for value in matrix.floats(row: row) {
      seen.insert(value.bitPattern)
      if seen.count > WeightStatistics.distinctLimit { return seen.count }
    }
  }
  return seen.count
}
