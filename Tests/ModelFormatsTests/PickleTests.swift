import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Golden pickles and the checkpoint: Tests/Golden/make_run_golden.py, with Python's pickle and Lightning.
@Suite struct PickleTests {
  private func read(_ bytes: [UInt8]) throws -> PyTorchFile {
    try PyTorchFile(SharedBytes(copying: bytes), file: "x.pt")
  }

  private func read(_ text: String) throws -> PyTorchFile { try read(Array(text.utf8)) }

  @Test(arguments: 0...5)
  func `every protocol describes the same object`(version: Int) throws {
    let text = try #require(try RunGolden.shared.get().pickles["\(version)"])
    let digits = Array(text)
    let root = try read(
      stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
    ).root
    #expect(root["step"]?.integer == 300)
    let lists = try #require(root["shared"]?.elements)
    #expect(lists.count == 2)
    for list in lists {
      let items = try #require(list.elements)
      #expect(items.map(\.number) == [1.5, -2, 1, nil, nil, 1_099_511_627_776, -9.223372036854775808e18])
      if version > 0 { #expect(items[4].string == "naïve") }
    }
    #expect(root["long"] != nil && root["long"]?.integer == nil)
    #expect(root["nested"]?["a"]?["b"]?.elements?.map(\.integer) == [1, 2, 3])
  }

  @Test func `a checkpoint of Lightning tells how far its run had come`() throws {
    let file = try PyTorchFile(path: TestFiles.goldenPath("runs/lightning/last.ckpt"))
    let state = try #require(try file.trainerState())
    #expect(state.globalStep == 5)
    #expect(state.batches == 10)
    #expect(state.learningRates.count == 1 && (state.learningRates.first ?? 0) > 9.9e-4)
    #expect((state.bestMetric ?? -1) > 0)
    let config = try #require(file.log.config)
    #expect(config["total_tokens"]?.double == 1000)
    #expect(file.calls.contains("torch._utils._rebuild_tensor_v2"))
  }

  @Test func `a checkpoint cut or changed anywhere is refused or read`() throws {
    let bytes = try TestFiles.goldenBytes("runs/lightning/last.ckpt")
    var random = SplitMix(seed: 5)
    var accepted = 0
    for _ in 0..<6000 {
      var changed = bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        changed[Int.random(in: changed.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
      }
      guard let file = try? read(changed) else { continue }
      _ = try? file.trainerState()
      _ = file.log
      accepted += 1
    }
    #expect(accepted > 0)
    for count in stride(from: 0, to: bytes.count, by: 3) {
      #expect(throws: FormatError.self) { try read(Array(bytes.prefix(count))) }
    }
  }

  /// Each would do something in Python; what it would is told, and nothing happens.
  @Test(arguments: [
    ("cos\nsystem\n(S'touch MARK'\ntR.", "os.system"), ("cposix\nsystem\n(S'touch MARK'\ntR.", "posix.system"),
    ("(S'touch MARK'\nios\nsystem\n.", "os.system"), ("(cos\nsystem\nS'touch MARK'\no.", "os.system"),
    ("c__builtin__\neval\n(S'open(\"MARK\", \"w\")'\ntR.", "__builtin__.eval"),
    ("S'os'\nS'system'\n\u{93}", ""), ("csubprocess\nPopen\n(S'touch MARK'\ntR}b.", "subprocess.Popen"),
  ])
  func `what a pickle would call is named and not called`(text: String, name: String) throws {
    let folder = try TemporaryFolder()
    let marker = "\(folder.path)/marker"
    let file = try? read(text.replacingOccurrences(of: "MARK", with: marker))
    if !name.isEmpty { #expect(file?.calls == [name]) }
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  @Test func `lists of lists of lists take no more room than their text`() throws {
    // Each level holds the one before ten times: 10 to the 60th elements when spelled out.
    var text = "(lp0\n"
    for level in 1...60 {
      text += "(lp\(level)\n" + String(repeating: "g\(level - 1)\na", count: 10)
    }
    let root = try read(text + ".").root
    #expect(root.elements?.count == 10)
    var budget = 1000
    guard case .array(let values) = root.json(budget: &budget) else {
      Issue.record("no array")
      return
    }
    #expect(values.count <= 10 && budget <= 0)
  }

  @Test func `an object that holds itself is an object`() throws {
    let root = try read("(dp0\nS'self'\ng0\ns.").root
    #expect(root["self"]?["self"]?["self"] != nil)
    var budget = 1000
    guard case .object = root.json(budget: &budget) else {
      Issue.record("no object")
      return
    }
    let object = try read("cfoo\nBar\n(tRp0\ng0\nb.").root
    #expect(object.entries == nil || object.entries?.isEmpty == true)
  }

  /// Lengths, positions and numbers that no file has.
  @Test(arguments: [
    [0x58, 0xFF, 0xFF, 0xFF, 0xFF], [0x8D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    [0x8B, 0xFF, 0xFF, 0xFF, 0xFF], [0x8E, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    [0x6A, 0xFF, 0xFF, 0xFF, 0xFF],
    [0x2E], [0x28, 0x2E], [0x61], [0x74], [0x28, 0x4E, 0x75, 0x2E], [0x4E, 0x28, 0x62, 0x2E], [0x52], [0x81], [0x93],
    [0xFF],
    [0x80], [0x30], [0x32], [0x28, 0x6F], [0x67, 0x0A], [0x70, 0x39, 0x0A],
  ])
  func `an impossible pickle is refused`(bytes: [UInt8]) {
    #expect(throws: FormatError.self) { try read(bytes) }
  }

  @Test func `a pickle of endless instructions is refused`() {
    let bytes = [UInt8](repeating: UInt8(ascii: "N"), count: 5 << 20)
    let before = peakResidentBytes()
    let error = #expect(throws: FormatError.self) { try read(bytes) }
    #expect(error?.code == .tooLarge)
    #expect(peakResidentBytes() - before < 1 << 30)
  }

  @Test func `names made of names stay short`() throws {
    // The name of what is called takes in the name of what made it, a million times.
    var bytes: [UInt8] = Array("cfoo\nbar\n".utf8)
    for _ in 0..<200_000 { bytes += Array(")R".utf8) }
    let file = try read(bytes + [0x2E])
    #expect(file.calls.allSatisfy { $0.utf8.count < 200 } && file.calls.count <= 256)
  }

  @Test func `an archive that PyTorch did not write is refused`() {
    for bytes in [[0x50, 0x4B, 3, 4], [0x50, 0x4B, 3, 4] + [UInt8](repeating: 0, count: 100)] as [[UInt8]] {
      #expect(throws: FormatError.self) { try read(bytes) }
    }
  }
}
