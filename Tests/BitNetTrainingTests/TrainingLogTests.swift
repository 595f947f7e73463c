#if Training
import BitNetTraining
import Foundation
import TestSupport
import Testing

@Suite struct TrainingLogTests {
  private func text(_ step: Int, loss: String = "1.5", kind: String = "train") -> String {
    let losses = "\"losses\":{\"continue_pretrain\":\(loss)},\"weights\":{\"continue_pretrain\":1}"
    let place = "\"step\":\(step),\"tokens\":\(10 * step),\"seconds\":1,\"phase\":\"\(step < 3 ? "a<b" : "c")\""
    return "{\"kind\":\"\(kind)\",\"loss\":\(loss),\(losses),\(place),\"lambda\":1,\"learning_rate\":0.001}\n"
  }

  /// Lines as a log gives them back.
  private func lines(_ texts: [String]) throws -> [TrainingLogLine] {
    let folder = try TemporaryFolder()
    return try TrainingLog.lines(path: folder.write("log.jsonl", texts.joined()))
  }

  @Test func `lines come back as they were written, infinities too`() throws {
    let folder = try TemporaryFolder()
    let log = try TrainingLog(folder: folder.path, after: 0)
    let written = try lines([
      text(1), text(2, loss: "\"Infinity\""), text(2, loss: "0.30000000000000004", kind: "eval"),
    ])
    #expect(written.map(\.loss) == [1.5, .infinity, 0.1 + 0.2])
    for line in written { try log.append(line) }
    #expect(try TrainingLog.lines(path: "\(folder.path)/log.jsonl") == written)
  }

  @Test func `a resumed run drops the lines of steps that were lost, and one that was not ended`() throws {
    let folder = try TemporaryFolder()
    let log = try TrainingLog(folder: folder.path, after: 0)
    for line in try lines((1...5).map { text($0) }) { try log.append(line) }
    let path = "\(folder.path)/log.jsonl"
    let whole = try String(contentsOfFile: path, encoding: .utf8)
    try folder.write("log.jsonl", String(whole.dropLast(7)))
    let resumed = try TrainingLog(folder: folder.path, after: 3)
    for line in try lines([text(4, loss: "9")]) { try resumed.append(line) }
    let steps = try TrainingLog.lines(path: path).map(\.step)
    #expect(steps == [1, 2, 3, 4])
    #expect(try TrainingLog.lines(path: path).last?.loss == 9)
  }

  @Test func `the plot has a line for each series`() throws {
    let folder = try TemporaryFolder()
    let texts = (1...200).map { text($0, loss: "\(5 - Double($0) / 100)") } + [text(200, loss: "3.25", kind: "eval")]
    let svg = try LossPlot(log: folder.write("log.jsonl", texts.joined()), title: "a & b").svg
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
#endif
