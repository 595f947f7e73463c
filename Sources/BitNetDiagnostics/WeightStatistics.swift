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
  /// The fourth moment over the square of the second: 3 for a Gaussian, 1.8 for a uniform distribution.
  public var kurtosis: Double
  /// How much more the rows' sums of squares vary than those of independent numbers would: 1 for a random
  /// initialization, above it where training has made outputs differ.
  public var rowDispersion: Double
  /// The same of the columns (inputs).
  public var columnDispersion: Double
  /// A sum in which every weight counts by its place: the same for the same matrix, and hardly ever for two.
  public var fingerprint: Double
  /// How the weights are distributed; only for the first, the middle and the last block.
  public var histogram: WeightHistogram?

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
  /// - Parameters:
  ///   - rows: the weights, `[outputs][inputs]`.
  ///   - hasHistogram: whether their distribution is kept.
  /// - Complexity: two passes, a third for the distribution, split between the threads; all sums are in double precision
  ///   and added in the order of rows, so that the figures do not depend on the number of threads.
  init(name: String, storage: String, rows: [[Float]], hasHistogram: Bool = false, pool: ThreadPool) {
    let columns = rows.first?.count ?? 0
    let count = Double(max(1, rows.count * columns))
    let sums = pool.map(count: rows.count) { RowSums(rows[$0]) }
    let total = sums.reduce(into: RowSums()) { $0.add($1) }
    let isTernary = total.onlyMagnitude != nil && total.nonFinite == 0
    let absmean = total.magnitude / count
    let scale = isTernary && total.onlyMagnitude != 0 ? total.onlyMagnitude ?? 0 : max(Float(absmean), 1e-5)
    let trits = pool.map(count: rows.count) { row in
      var counts = (minus: 0, plus: 0)
      for value in rows[row] {
        let q = value / scale
        if q > 0.5 { counts.plus += 1 } else if q < -0.5 { counts.minus += 1 }
      }
      return counts
    }
    let minus = Double(trits.reduce(0) { $0 + $1.minus }), plus = Double(trits.reduce(0) { $0 + $1.plus })
    let mean = total.sum / count
    let square = total.square / count
    let kurtosis = square > 0 ? total.fourth / count / (square * square) : 0
    self.init(
      name: name, storage: storage, shape: [rows.count, columns], minimum: total.minimum, maximum: total.maximum,
      absmean: absmean, standardDeviation: max(0, square - mean * mean).squareRoot(),
      frobenius: total.square.squareRoot(), isTernary: isTernary, scale: scale,
      ternaryFrobenius: Double(scale) * (minus + plus).squareRoot(),
      ternaryAbsmean: Double(scale) * (minus + plus) / count,
      shares: TritShares(minus: minus / count, zero: 1 - (minus + plus) / count, plus: plus / count),
      distinctValues: isTernary
        ? (minus > 0 ? 1 : 0) + (plus > 0 ? 1 : 0) + (minus + plus < count ? 1 : 0) : countDistinct(rows),
      nonFinite: total.nonFinite, zeroRows: sums.count { $0.onlyMagnitude == 0 }, kurtosis: kurtosis,
      rowDispersion: dispersion(sums.map(\.square), terms: columns, kurtosis: kurtosis),
      columnDispersion: dispersion(columnSquares(rows, pool: pool), terms: rows.count, kurtosis: kurtosis),
      fingerprint: zip(sums, 1...).reduce(0) { $0 + $1.0.placed * Double($1.1 % 89 + 1) },
      histogram: hasHistogram ? WeightHistogram(rows, scale: scale, pool: pool) : nil)
  }
}

/// The relative variance of sums of squares over what independent terms would give: (kurtosis - 1) / terms.
private func dispersion(_ squares: [Double], terms: Int, kurtosis: Double) -> Double {
  let count = Double(max(1, squares.count)), mean = squares.reduce(0, +) / count
  guard mean > 0, terms > 0 else { return 1 }
  let variance = squares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count / (mean * mean)
  // Signs without zeros have no variance at all.
  return kurtosis > 1.001 ? variance * Double(terms) / (kurtosis - 1) : 1
}

/// The sum of squares of every column, of blocks of rows that are added in order.
private func columnSquares(_ rows: [[Float]], pool: ThreadPool) -> [Double] {
  let columns = rows.first?.count ?? 0, block = 64
  let parts = pool.map(count: (rows.count + block - 1) / block) { index in
    var sums = Array(repeating: 0.0, count: columns)
    for row in index * block..<min(rows.count, (index + 1) * block) {
      for (column, value) in rows[row].enumerated() where value.isFinite {
        sums[column] += Double(value) * Double(value)
      }
    }
    return sums
  }
  return parts.reduce(into: Array(repeating: 0.0, count: columns)) { total, part in
    for column in 0..<columns { total[column] += part[column] }
  }
}

/// The sums over one row; they add up over the rows.
private struct RowSums {
  var minimum = Float.infinity
  var maximum = -Float.infinity
  var sum = 0.0
  var magnitude = 0.0
  var square = 0.0
  var fourth = 0.0
  /// The sum in which every value counts by its place in the row.
  var placed = 0.0
  var nonFinite = 0
  /// The only magnitude but 0 that occurs; 0 when there is none, `nil` when there are several.
  var onlyMagnitude: Float? = 0

  init() {}

  init(_ values: [Float]) {
    for (place, value) in values.enumerated() {
      guard value.isFinite else {
        nonFinite += 1
        continue
      }
      minimum = min(minimum, value)
      maximum = max(maximum, value)
      let magnitude = abs(value)
      sum += Double(value)
      placed += Double(value) * Double(place % 97 + 1)
      self.magnitude += Double(magnitude)
      let squared = Double(value) * Double(value)
      square += squared
      fourth += squared * squared
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
    fourth += other.fourth
    nonFinite += other.nonFinite
    if let mine = onlyMagnitude, other.onlyMagnitude != mine, other.onlyMagnitude != 0 {
      onlyMagnitude = mine == 0 ? other.onlyMagnitude : nil
    }
  }
}

/// Counts different values row by row until there are more than the limit.
private func countDistinct(_ rows: [[Float]]) -> Int {
  var seen: Set<UInt32> = []
  for row in rows {
    for value in row {
      seen.insert(value.bitPattern)
      if seen.count > WeightStatistics.distinctLimit { return seen.count }
    }
  }
  return seen.count
}
