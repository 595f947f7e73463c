import ModelFormats

/// How a logged series went, over means of a tenth of its points.
public struct Trend: Sendable, Codable {
  /// The course in a word.
  public enum Direction: String, Sendable, Codable {
    /// Fell by more than 2 %.
    case falling
    /// Within 2 % of where it began, or not far above.
    case flat
    /// Ended more than 5 % above its beginning.
    case rising
    /// Ended as no number, or far above its lowest.
    case diverged
    /// Too few points to tell.
    case unknown
  }

  /// The number of points.
  public var points: Int
  /// The step of the first point.
  public var firstStep: Int
  /// The step of the last point.
  public var lastStep: Int
  /// The mean of the first tenth.
  public var first: Double
  /// The mean of the last tenth; of the last numbers, if the series ends without.
  public var last: Double
  /// The lowest mean of a tenth.
  public var lowest: Double
  /// The step at which the tenth with the lowest mean ends.
  public var lowestStep: Int
  /// From this step on the mean stayed within 2 % of where it ended; `nil` if it moved until the end.
  public var settledStep: Int?
  /// Values that are infinite or not a number.
  public var nonFinite: Int
  /// The step of the first of them.
  public var firstNonFiniteStep: Int?
  /// Single values far above those before them.
  public var spikes: Int
  /// The step of the highest of them.
  public var highestSpikeStep: Int?
  /// The course.
  public var direction: Direction
}

extension Trend {
  /// The same, without the claim that it went wrong, unless it ended as no number.
  var withoutAlarm: Trend {
    guard nonFinite == 0, [.rising, .diverged].contains(direction) else { return self }
    var trend = self
    trend.direction = .unknown
    return trend
  }

  /// The fewest points that say where a series goes.
  static let minimumPoints = 8

  /// - Returns: `nil` without any number.
  init?(_ series: ScalarSeries) {
    let all = series.points
    let points = all.filter { $0.value.isFinite }
    guard let start = all.first, let end = all.last, let last = points.last else { return nil }
    let window = max(1, points.count / 10)
    var means: [Double] = []
    var sum = 0.0
    for index in points.indices {
      sum += points[index].value - (index >= window ? points[index - window].value : 0)
      if index >= window - 1 { means.append(sum / Double(window)) }
    }
    let lowest = means.indices.min { means[$0] < means[$1] } ?? 0
    let finish = means.last ?? last.value
    let spikes = Trend.spikes(points)
    let moving = means.lastIndex { abs($0 - finish) > 0.02 * abs(finish) }
    self.init(
      points: all.count, firstStep: start.step, lastStep: end.step, first: means.first ?? last.value, last: finish,
      lowest: means.isEmpty ? finish : means[lowest], lowestStep: points[lowest + window - 1].step,
      settledStep: moving.map { $0 + window < points.count * 3 / 4 ? points[$0 + window].step : nil } ?? start.step,
      nonFinite: series.nonFinite, firstNonFiniteStep: series.firstNonFiniteStep, spikes: spikes.count,
      highestSpikeStep: spikes.max { $0.value < $1.value }?.step, direction: .unknown)
    let isLost = !end.value.isFinite || all.suffix(max(2, all.count / 5)).allSatisfy { !$0.value.isFinite }
    if isLost || (points.count >= Trend.minimumPoints && finish > self.lowest + max(0.5, 0.2 * abs(self.lowest))) {
      direction = .diverged
    } else if points.count >= Trend.minimumPoints {
      let change = (finish - first) / max(abs(first), 1e-9)
      direction = change < -0.02 ? .falling : change > 0.05 ? .rising : .flat
    }
  }

  /// Values that exceed the median of the eight before them by a quarter and by 1.
  private static func spikes(_ points: [(step: Int, value: Double)]) -> [(step: Int, value: Double)] {
    guard points.count > 8 else { return [] }
    return (8..<points.count).compactMap { index in
      let before = points[index - 8..<index].map(\.value).sorted()
      let median = (before[3] + before[4]) / 2
      return points[index].value > median + max(1, 0.25 * abs(median)) ? points[index] : nil
    }
  }

  /// The course in one line: `10.32 → 3.14, falling until step 2000`.
  var summary: String {
    var text = "\(fixed(first, 3)) → \(fixed(last, 3))"
    switch direction {
    case .falling: text += ", falling" + (settledStep.map { " until step \($0)" } ?? "")
    case .unknown: break
    default: text += ", \(direction.rawValue)"
    }
    if nonFinite > 0 { text += ", no number from step \(firstNonFiniteStep ?? lastStep) on \(nonFinite) times" }
    if spikes > 0 { text += ", \(spikes) spike\(spikes == 1 ? "" : "s")" }
    return text
  }
}
