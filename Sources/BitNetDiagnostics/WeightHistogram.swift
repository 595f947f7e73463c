import Kernels

/// How the weights of a matrix are distributed, in units of ``WeightStatistics/scale``: bins of one ninth, so that -1, 0 and 1
/// are middles of bins, and the borders of rounding, -0.5 and 0.5, are borders between bins.
public struct WeightHistogram: Sendable, Codable, Hashable {
  /// The number of bins to one unit of the scale.
  public static let binsPerScale = 9
  /// The middle of the last bin, in units of the scale.
  public static let reach = 4

  /// The number of weights per bin, from -4 to 4.
  public var counts: [Int]
  /// The weights below the first bin.
  public var below: Int
  /// The weights above the last bin.
  public var above: Int

  /// All weights that are numbers.
  public var total: Int { below + above + counts.reduce(0, +) }
}

extension WeightHistogram {
  private static let half = reach * binsPerScale
  private static let rowsAtOnce = 64

  private init() { self.init(counts: Array(repeating: 0, count: 2 * WeightHistogram.half + 1), below: 0, above: 0) }

  /// - Parameters:
  ///   - rows: the weights, `[outputs][inputs]`.
  ///   - scale: the unit, above 0.
  init(_ rows: [[Float]], scale: Float, pool: ThreadPool) {
    let block = WeightHistogram.rowsAtOnce
    let parts = pool.map(count: (rows.count + block - 1) / block) { index in
      var part = WeightHistogram()
      for row in index * block..<min(rows.count, (index + 1) * block) {
        for value in rows[row] { part.count(value / scale) }
      }
      return part
    }
    self = parts.reduce(into: WeightHistogram()) { sum, part in
      sum.below += part.below
      sum.above += part.above
      for bin in sum.counts.indices { sum.counts[bin] += part.counts[bin] }
    }
  }

  private mutating func count(_ value: Float) {
    guard !value.isNaN else { return }
    let place = value * Float(WeightHistogram.binsPerScale) + Float(WeightHistogram.half) + 0.5
    if place < 0 {
      below += 1
    } else if place >= Float(counts.count) {
      above += 1
    } else {
      counts[Int(place)] += 1
    }
  }
}
