import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Golden files: Tests/Golden/make_run_golden.py, with torch's SummaryWriter. `scripts/check-tensorboard` has the real
/// TensorBoard read what is written here.
@Suite struct TensorBoardTests {
  private static let name = "events.out.tfevents.1750000000.host.1.0"

  private func read(_ bytes: [UInt8]) throws -> RunLog {
    var log = RunLog(file: "events")
    try TensorBoardLog.read(SharedBytes(copying: bytes), file: "events", into: &log)
    return log
  }

  @Test(arguments: ["ce-on", "ce-off", "diverging"])
  func `what torch's writer logged is read, as numbers and as tensors`(kind: String) throws {
    let log = try TensorBoardLog.read(folder: RunGolden.path(kind, "tensorboard"), names: [Self.name])
    #expect(log.notes.isEmpty)
    try RunGolden.shared.get().check(log, kind: kind, tolerance: 1e-7)
  }

  @Test func `the records written here are those of torch's writer, byte by byte`() throws {
    let folder = try TemporaryFolder()
    let writer = try TensorBoardWriter(folder: folder.path)
    let golden = try #require(try RunGolden.shared.get().series["ce-on"])
    let names = [
      "train/loss", "train/dlm_loss", "schedule/dlm_weight", "train/continue_pretrain_loss",
      "schedule/continue_pretrain_weight", "lr-Muon", "train/lambda",
    ]
    for index in 0..<18 {
      for name in names {
        let point = try #require(golden[name])[index]
        let step = Int(try #require(point[0]))
        try writer.add([(name, try #require(point[1]))], step: step, wallTime: 1.75e9 + Double(step))
      }
    }
    let ours = [UInt8](try Data(contentsOf: URL(filePath: writer.path)))
    let theirs = try TestFiles.goldenBytes("runs/ce-on/by-tensorboard/tensorboard/\(Self.name)")
    // The first record holds the time of writing and the writer's name.
    func rest(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.dropFirst(16 + Int(bytes[0]))) }
    #expect(rest(ours) == rest(theirs))
  }

  @Test func `several series are written at once, and a resumed run takes back what came later`() throws {
    let environment = ProcessInfo.processInfo.environment["BITNET_TENSORBOARD_FOLDER"]
    let temporary = try TemporaryFolder()
    let folder = environment ?? temporary.path
    let first = try TensorBoardWriter(folder: folder)
    for step in 1...5 { try first.add([("train/loss", 5 / Double(step)), ("train/lr", 0.1)], step: step) }
    let second = try TensorBoardWriter(folder: folder, resumedFrom: 3)
    for step in 4...6 { try second.add([("train/loss", 0.5)], step: step) }
    try second.add([("train/loss", .nan)], step: 7)
    try second.synchronize()
    #expect(first.path != second.path)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.allSatisfy(TensorBoardLog.isEventFile))
    let log = try TensorBoardLog.read(folder: folder, names: names)
    let loss = try #require(log.series["train/loss"])
    #expect(loss.points.map(\.step) == [1, 2, 3, 4, 5, 6, 7])
    #expect(loss.points.map(\.value).prefix(6) == [5, 2.5, Double(Float(5.0 / 3)), 0.5, 0.5, 0.5])
    #expect(loss.nonFinite == 1 && loss.firstNonFiniteStep == 7)
    #expect(log.series["train/lr"]?.points.map(\.step) == [1, 2, 3])
    #expect(log.lastStep == 7)
  }

  @Test func `a folder that is not there cannot be written to`() {
    let error = #expect(throws: FormatError.self) { try TensorBoardWriter(folder: "/nonexistent") }
    #expect(error?.code == .unwritable)
  }

  @Test func `a file that ends early is read as far as it goes`() throws {
    let bytes = try TestFiles.goldenBytes("runs/ce-on/by-tensorboard/tensorboard/\(Self.name)")
    var counts: Set<Int> = []
    for count in stride(from: 0, to: bytes.count, by: 7) {
      guard let log = try? read(Array(bytes.prefix(count))) else {
        #expect(count < 16 + Int(bytes[0]), "the first record is whole")
        continue
      }
      counts.insert(log.series["train/loss"]?.steps.count ?? 0)
    }
    #expect(counts == Set(0...18))
  }

  @Test func `a changed byte never passes for another value`() throws {
    let bytes = try TestFiles.goldenBytes("runs/ce-off/by-tensorboard/tensorboard/\(Self.name)")
    let whole = try #require(try read(bytes).series["train/dlm_loss"]).values
    for index in stride(from: 0, to: bytes.count, by: 5) {
      var changed = bytes
      changed[index] ^= 0x10
      guard let log = try? read(changed) else { continue }
      #expect(whole.starts(with: log.series["train/dlm_loss"]?.values ?? []), "byte \(index)")
    }
  }

  @Test func `records of any content are read or noted`() throws {
    let bytes = try TestFiles.goldenBytes("runs/diverging/by-tensorboard/tensorboard/\(Self.name)")
    let length = Int(bytes[0])
    let next = 16 + length, record = Array(bytes[next + 12..<next + 12 + Int(bytes[next])])
    var random = SplitMix(seed: 1)
    var notes = 0
    for _ in 0..<4000 {
      var data = record
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        data[Int.random(in: data.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      var framed = LittleEndianBytes()
      framed.append(UInt64(data.count))
      framed.append(TFRecord.maskedChecksum(framed.bytes))
      framed.append(data)
      framed.append(TFRecord.maskedChecksum(data))
      notes += try read(Array(bytes.prefix(next)) + framed.bytes).notes.count
    }
    #expect(notes > 100)
  }
}
