/// One logged series: a value per step, in the order of writing.
///
/// A series of millions of points is thinned out as it grows; values that are no numbers are counted all the same.
package struct ScalarSeries: Sendable {
  package private(set) var steps: [Int] = []
  package private(set) var values: [Double] = []
  /// How many values were infinite or not a number.
  package private(set) var nonFinite = 0
  /// The step of the first of them.
  package private(set) var firstNonFiniteStep: Int?
  private var stride = 1
  private var skipped = 0

  private static let maximumCount = 1 << 16

  package init() {}

  package init(_ points: [(step: Int, value: Double)]) {
    for point in points { append(step: point.step, point.value) }
  }

  package mutating func append(step: Int, _ value: Double) {
    if !value.isFinite {
      nonFinite += 1
      firstNonFiniteStep = firstNonFiniteStep ?? step
    }
    skipped += 1
    guard skipped >= stride else { return }
    skipped = 0
    if steps.count == ScalarSeries.maximumCount {
      steps = ScalarSeries.everySecond(of: steps)
      values = ScalarSeries.everySecond(of: values)
      stride *= 2
    }
    steps.append(step)
    values.append(value)
  }

  /// Forgets what was logged for a step and those after it: a run was taken up again before it.
  package mutating func forget(from step: Int) {
    let kept = steps.indices.filter { steps[$0] < step }
    guard kept.count < steps.count else { return }
    steps = kept.map { steps[$0] }
    values = kept.map { values[$0] }
    if let first = firstNonFiniteStep, first >= step {
      nonFinite = 0
      firstNonFiniteStep = nil
    }
  }

  /// The points by ascending step; of several for one step, the one written last.
  package var points: [(step: Int, value: Double)] {
    var last: [Int: Double] = [:]
    for (step, value) in zip(steps, values) { last[step] = value }
    return last.sorted { $0.key < $1.key }.map { (step: $0.key, value: $0.value) }
  }

  private static func everySecond<Element>(of array: [Element]) -> [Element] {
    Swift.stride(from: 1, to: array.count, by: 2).map { array[$0] }
  }
}
