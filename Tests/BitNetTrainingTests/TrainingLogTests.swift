import BitNetTraining
import Foundation
import TestSupport
import Testing

@Suite struct TrainingLogTests {
  private func line(_ step: Int, loss: Double = 1, kind: TrainingLogLine.Kind = .train) -> TrainingLogLine {
    TrainingLogLine(
      kind: kind, step: step, loss: loss, losses: ["continue_pretrain": loss], weights: ["continue_pretrain": 1],
      phase: step < 3 ? "a<b" : "c", learningRate: 0.001, lambda: 1, gradientNorm: 2, tokens: 10 * step, seconds: 1)
  }

  @Test func `lines come back as they were written, infinities too`() throws {
    let folder = try TemporaryFolder()
    let log = try TrainingLog(folder: folder.path, after: 0)
    let lines = [line(1), line(2, loss: .infinity), line(2, loss: 0.1 + 0.2, kind: .eval)]
    for line in lines { try log.append(line) }
    #expect(try TrainingLog.lines(path: "\(folder.path)/log.jsonl") == lines)
  }

  @Test func `a resumed run drops the lines of steps that were lost, and one that was not ended`() throws {
    let folder = try TemporaryFolder()
    let log = try TrainingLog(folder: folder.path, after: 0)
    for step in 1...5 { try log.append(line(step)) }
    let path = "\(folder.path)/log.jsonl"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try folder.write("log.jsonl", text.dropLast(7).description)
    let resumed = try TrainingLog(folder: folder.path, after: 3)
    try resumed.append(line(4, loss: 9))
    let steps = try TrainingLog.lines(path: path).map(\.step)
    #expect(steps == [1, 2, 3, 4])
    #expect(try TrainingLog.lines(path: path).last?.loss == 9)
  }

  @Test func `the plot has a line for each series`() throws {
    let folder = try TemporaryFolder()
    let log = try TrainingLog(folder: folder.path, after: 0)
    for step in 1...200 { try log.append(line(step, loss: 5 - Double(step) / 100)) }
    try log.append(line(200, loss: 3.25, kind: .eval))
    let svg = try LossPlot(log: "\(folder.path)/log.jsonl", title: "a & b").svg
    // The losses, their mean, the validation, learning rate, lambda.
    #expect(svg.split(separator: "<polyline").count == 6)
    #expect(svg.contains("a &amp; b") && svg.contains("a&lt;b") && svg.contains("prefers-color-scheme: dark"))
    #expect(svg.contains("continue_pretrain, validation 3.250"))
  }

  @Test func `a log without lines cannot be drawn`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("log.jsonl", "")
    #expect(throws: RunError.emptyLog(path: path)) { try LossPlot(log: path, title: "") }
  }

  @Test(
    arguments: [
      (0.0, 1.0, 2, [0, 0.5, 1]), (4.6, 6.4, 4, [4.5, 5, 5.5, 6, 6.5]), (3, 3, 2, [2, 4, 6]),
      (0, 1464, 8, [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600]),
    ] as [(Double, Double, Int, [Double])])
  func `ticks are round and reach around the range`(low: Double, high: Double, count: Int, expected: [Double]) {
    #expect(LossPlot.ticks(low, high, count: count) == expected)
  }
}
