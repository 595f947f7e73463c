import BitNet
import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

@Suite struct RunWatcherTests {
  private func news(_ watcher: inout RunWatcher, isLast: Bool = false) throws -> [RunWatcher.News] {
    var news: [RunWatcher.News] = []
    try watcher.look(isLast: isLast, isCancelled: { false }) { news.append($0) }
    return news
  }

  private func add(_ model: String, as name: String, to folder: TemporaryFolder) throws {
    try FileManager.default.copyItem(
      atPath: TestFiles.goldenPath("trained/\(model)"), toPath: "\(folder.path)/\(name)")
  }

  @Test func `each checkpoint is judged once, and each step of the log told once`() throws {
    let folder = try TemporaryFolder()
    var watcher = RunWatcher(folder: folder.path, threads: 2)
    #expect(try news(&watcher).isEmpty)

    try add("tiny-stopped", as: "step-20", to: folder)
    let writer = try TensorBoardWriter(folder: folder.path)
    for step in stride(from: 2, through: 40, by: 2) {
      try writer.add([("train/loss", 6 - Double(step) / 20), ("train/lambda", 1)], step: step)
    }
    let first = try news(&watcher)
    #expect(first.map(\.step) == [20, 40])
    #expect(first[0].verdict == .undertrained && first[0].checkpoint?.hasSuffix("step-20") == true)
    #expect(first[0].perplexity?.count == 3 && first[0].zeros != nil)
    #expect(first[0].line.contains("BN103 undertrained") && first[0].line.contains("zeros"))
    #expect(!first[0].line.contains("\n"))
    #expect(try news(&watcher).isEmpty)

    try add("tiny-bitnet", as: "step-1800", to: folder)
    let second = try news(&watcher)
    #expect(second.map(\.step) == [1800, 1800])
    #expect(second[0].verdict == .bitNetTrained)
  }

  @Test func `a checkpoint that is being written is given time`() throws {
    let folder = try TemporaryFolder()
    try add("tiny-bitnet", as: "checkpoint-1800", to: folder)
    let weights = "\(folder.path)/checkpoint-1800/model.safetensors"
    let whole = try Data(contentsOf: URL(filePath: weights))
    try FileManager.default.removeItem(atPath: "\(folder.path)/checkpoint-1800/trainer_state.json")
    try whole.prefix(100_000).write(to: URL(filePath: weights))
    var watcher = RunWatcher(folder: folder.path, threads: 2)
    #expect(try news(&watcher).isEmpty)
    try whole.write(to: URL(filePath: weights))
    #expect(try news(&watcher).map(\.verdict) == [.bitNetTrained])
  }

  @Test func `a checkpoint that stays unreadable is told once`() throws {
    let folder = try TemporaryFolder()
    try add("tiny-bitnet", as: "checkpoint-7", to: folder)
    try FileManager.default.removeItem(atPath: "\(folder.path)/checkpoint-7/trainer_state.json")
    try folder.write("checkpoint-7/model.safetensors", "not weights")
    var watcher = RunWatcher(folder: folder.path, threads: 2)
    #expect(try news(&watcher, isLast: true).compactMap(\.problem).count == 1)
    #expect(try news(&watcher, isLast: true).isEmpty)
  }

  @Test func `a cancelled look ends at once`() throws {
    let folder = try TemporaryFolder()
    try add("tiny-bitnet", as: "step-1800", to: folder)
    var watcher = RunWatcher(folder: folder.path, threads: 2)
    #expect(throws: CancellationError.self) { try watcher.look(isCancelled: { true }, tell: { _ in }) }
  }
}
