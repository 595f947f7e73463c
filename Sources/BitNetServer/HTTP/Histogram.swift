/// How often a quantity fell below each of some bounds, as Prometheus counts it.
struct Histogram: Sendable {
  private let bounds: [Double]
  private var counts: [Int]
  private var sum = 0.0

  /// - Parameter bounds: ascending.
  init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  mutating func observe(_ value: Double, times: Int = 1) {
    let place = bounds.firstIndex { value <= $0 } ?? bounds.count
    counts[place] += times
    sum += value * Double(times)
  }

  /// The histogram in Prometheus' text format.
  ///
  /// - Parameter labels: such as `route="/health"`, or empty.
  func lines(_ name: String, labels: String = "") -> [String] {
    let prefix = labels.isEmpty ? "" : labels + ","
    let suffix = labels.isEmpty ? "" : "{\(labels)}"
    var total = 0
    var lines: [String] = []
    for (bound, count) in zip(bounds.map { "\($0)" } + ["+Inf"], counts) {
      total += count
      lines.append("\(name)_bucket{\(prefix)le=\"\(bound)\"} \(total)")
    }
    return lines + ["\(name)_sum\(suffix) \(sum)", "\(name)_count\(suffix) \(total)"]
  }
}
