import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Golden files: Tests/Golden/make_run_golden.py, with the package wandb offline.
@Suite struct WandbLogTests {
  @Test(arguments: ["ce-on", "ce-off", "diverging"])
  func `history and configuration of an offline run are read`(kind: String) throws {
    let log = try WandbLog.read(path: RunGolden.path(kind, "wandb"))
    #expect(log.notes.isEmpty)
    try RunGolden.shared.get().check(log, kind: kind, tolerance: 1e-15)
    let config = try #require(log.config)
    #expect(config["total_tokens"]?.double == 10_000_000_000)
    let node = JSONNode(.object(config), file: "config")
    #expect(try node.object("scheduler")?.string("type") == "wsd")
    let objective = try node.object("objectives")?.object("continue_pretrain")
    #expect(try objective?.bool("enabled") == (kind != "ce-off"))
  }

  @Test func `a file that ends early is read as far as it goes`() throws {
    let bytes = try TestFiles.goldenBytes(
      "runs/ce-off/by-wandb/wandb/offline-run-20260101_000000-ce-off/run-ce-off.wandb")
    var counts: Set<Int> = []
    for count in stride(from: 7, to: bytes.count, by: 11) {
      let log = try WandbLog.read(SharedBytes(copying: Array(bytes.prefix(count))), file: "cut.wandb")
      counts.insert(log.series["train/loss"]?.steps.count ?? 0)
    }
    #expect(counts == Set(0...18))
  }

  @Test func `a changed byte never passes for another value`() throws {
    let bytes = try TestFiles.goldenBytes(
      "runs/ce-off/by-wandb/wandb/offline-run-20260101_000000-ce-off/run-ce-off.wandb")
    let whole = try WandbLog.read(SharedBytes(copying: bytes), file: "whole").series["train/dlm_loss"]?.values ?? []
    #expect(whole.count == 18)
    for index in stride(from: 0, to: bytes.count, by: 13) {
      var changed = bytes
      changed[index] ^= 0x08
      guard let log = try? WandbLog.read(SharedBytes(copying: changed), file: "changed") else { continue }
      #expect(whole.starts(with: log.series["train/dlm_loss"]?.values ?? []), "byte \(index)")
    }
  }

  /// A log of LevelDB's form with one record per message.
  private func framed(_ messages: [[UInt8]]) -> [UInt8] {
    var file = LittleEndianBytes()
    file.append([0x3A, 0x57, 0x26, 0x42, 0xE1, 0xBE, 0] as [UInt8])
    for message in messages {
      var rest = message[...], isFirst = true
      repeat {
        let left = 32768 - file.bytes.count % 32768
        guard left >= 7 else {
          file.pad(to: 32768)
          continue
        }
        let piece = Array(rest.prefix(left - 7))
        rest = rest.dropFirst(piece.count)
        let type: UInt8 = isFirst ? (rest.isEmpty ? 1 : 2) : (rest.isEmpty ? 4 : 3)
        file.append(CRC32.ieee([type] + piece))
        file.append(UInt16(piece.count))
        file.append(type)
        file.append(piece)
        isFirst = false
      } while !rest.isEmpty
    }
    return file.bytes
  }

  private func message(step: Int, key: String, json: String) -> [UInt8] {
    var item = ProtobufWriter(), number = ProtobufWriter(), history = ProtobufWriter(), record = ProtobufWriter()
    item.append(2, key)
    item.append(16, json)
    number.append(1, varint: UInt64(step))
    history.append(1, item.bytes)
    history.append(2, number.bytes)
    record.append(2, history.bytes)
    return record.bytes
  }

  @Test func `records go on over the ends of blocks`() throws {
    let long = "\"" + String(repeating: "x", count: 40_000) + "\""
    let messages = (0..<3000).map { step in
      step % 500 == 7
        ? message(step: step, key: "text", json: long) : message(step: step, key: "loss", json: "\(step).5")
    }
    let log = try WandbLog.read(SharedBytes(copying: framed(messages)), file: "run.wandb")
    #expect(log.notes.isEmpty)
    let loss = try #require(log.series["loss"])
    #expect(loss.steps == (0..<3000).filter { $0 % 500 != 7 })
    #expect(loss.values == loss.steps.map { Double($0) + 0.5 })
  }

  @Test(arguments: ["NaN", "\"NaN\"", "Infinity", "-Infinity"])
  func `values that are no numbers are kept as such`(json: String) throws {
    let bytes = framed([message(step: 3, key: "loss", json: json)])
    let log = try WandbLog.read(SharedBytes(copying: bytes), file: "run.wandb")
    #expect(log.series["loss"]?.nonFinite == 1 && log.series["loss"]?.firstNonFiniteStep == 3)
  }

  @Test func `another file is refused`() {
    let error = #expect(throws: FormatError.self) {
      try WandbLog.read(SharedBytes(copying: Array("SQLite format 3".utf8)), file: "x.wandb")
    }
    #expect(error?.code == .otherFormat)
  }
}
