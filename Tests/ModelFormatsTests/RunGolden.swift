import Foundation
import ModelFormats
import TestSupport
import Testing

/// What was logged into the files of `Tests/Golden/runs`: `Tests/Golden/make_run_golden.py`.
struct RunGolden: Decodable {
  /// Kind of run, name of the series, points of step and value, `nil` for NaN.
  let series: [String: [String: [[Double?]]]]
  /// The same object in the protocols 0 to 5, as hexadecimals.
  let pickles: [String: String]

  static let shared = Result {
    let data = try Data(contentsOf: URL(filePath: TestFiles.goldenPath("runs/expected.json")))
    return try JSONDecoder().decode(RunGolden.self, from: data)
  }

  static func path(_ kind: String, _ writer: String) -> String {
    switch writer {
    case "wandb":
      TestFiles.goldenPath("runs/\(kind)/by-wandb/wandb/offline-run-20260101_000000-\(kind)/run-\(kind).wandb")
    default: TestFiles.goldenPath("runs/\(kind)/by-tensorboard/tensorboard")
    }
  }

  /// Compares a log with what was logged.
  func check(_ log: RunLog, kind: String, tolerance: Double) throws {
    for (name, points) in try #require(series[kind]) {
      let logged = try #require(log.series[name], "\(name)").points
      #expect(logged.count == points.count, "\(name)")
      for (point, expected) in zip(logged, points) {
        #expect(Double(point.step) == expected[0])
        guard let value = expected[1] else {
          #expect(point.value.isNaN, "\(name) at \(point.step)")
          continue
        }
        #expect(abs(point.value - value) <= tolerance * abs(value), "\(name) at \(point.step)")
      }
    }
  }
}
