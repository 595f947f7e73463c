/// How often a quantity fell below each of some bounds, as Prometheus counts it.
package struct Histogram: Sendable {
  private let bounds: [Double]
  private var counts: [Int]
  private var sum = 0.0

  /// - Parameter bounds: ascending.
  package init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  package mutating func observe(_ value: Double, times: Int = 1) {
    let place = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts[place] += times
    sum += value * Double(times)
  }

  /// The samples in Prometheus' text format, without the name that they all begin with.
  package func samples() -> [String] {
    var total = 0
    var samples: [String] = []
    for (bound, count) in zip(bounds.map { "\($0)" } + ["+Inf"], counts) {
      total += count
      samples.append("_bucket{le=\"\(bound)\"} \(total)")
    }
    return samples + ["_sum \(sum)", "_count \(total)"]
  }
}
