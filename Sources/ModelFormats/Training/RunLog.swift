/// What a training run logged: series of numbers by name, and its configuration.
package struct RunLog: Sendable {
  /// The file or folder, for messages.
  package let file: String
  package private(set) var series: [String: ScalarSeries] = [:]
  /// The configuration, an object; `nil` if none was logged.
  package var config: JSONObject?
  /// What could not be read.
  package var notes: [String] = []
  /// Whether the points are numbered instead of bearing the step they belong to.
  package var hasNoSteps = false

  private static let maximumSeries = 4096

  package init(file: String) { self.file = file }

  package mutating func append(_ name: String, step: Int, _ value: Double) {
    guard series[name] != nil || series.count < RunLog.maximumSeries else {
      let note = "more than \(grouped(RunLog.maximumSeries)) series; the others are not read"
      if notes.last != note { notes.append(note) }
      return
    }
    series[name, default: ScalarSeries()].append(step: step, value)
  }

  /// Forgets what was logged for a step and those after it: a run was taken up again before it.
  package mutating func forget(from step: Int) {
    for name in series.keys { series[name]?.forget(from: step) }
  }

  /// The last step that anything was logged for.
  package var lastStep: Int? { series.values.compactMap { $0.steps.max() }.max() }
}
