import BitNet
import Foundation
import Kernels
import TestSupport
import Testing

/// One request gives the same bits whatever computes it.
@Suite struct SameBitsTests {
  /// The bits of the logits over greedy decoding: a prompt at once, then token by token.
  private func logits(
    _ path: String, mode: QuantizationMode, isa: InstructionSet, threads: Int, precision: CachePrecision,
    repacks: Bool = true, steps: Int
  ) throws -> [[UInt32]] {
    var options = Model.Options(
      mode: mode, threads: threads, repacksWeights: repacks, cachePrecision: precision)
    options.instructionSet = isa
    let session = try Model(contentsOf: URL(filePath: path), options: options).makeSession()
    var sequence = [3, 17, 40, 5, 9, 120, 33]
    return try (0..<steps).map { _ in
      let logits = try session.logits(after: sequence)
      sequence.append(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
      return logits.map(\.bitPattern)
    }
  }

  @Test(arguments: GoldenModel.names, QuantizationMode.allCases)
  func `every instruction set, thread count and layout gives the same bits`(
    name: String, mode: QuantizationMode
  ) throws {
    for precision in CachePrecision.allCases {
      let expected = try logits(
        GoldenModel.path(name), mode: mode, isa: .scalar, threads: 1, precision: precision, steps: 12)
      for isa in InstructionSet.available {
        for threads in [1, 2] {
          let found = try logits(
            GoldenModel.path(name), mode: mode, isa: isa, threads: threads, precision: precision, steps: 12)
          #expect(found == expected, "\(isa), \(threads) threads, \(precision)")
        }
        let inPlace = try logits(
          GoldenModel.path(name), mode: mode, isa: isa, threads: 2, precision: precision, repacks: false, steps: 12)
        #expect(inPlace == expected, "\(isa), not repacked, \(precision)")
      }
    }
  }

  @Test(.enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-smollm2 first"), arguments: QuantizationMode.allCases)
  func `the real model gives the same bits on the vector instruction sets`(mode: QuantizationMode) throws {
    let sets = InstructionSet.available.filter { $0 != .scalar }
    let first = try #require(sets.first ?? InstructionSet.available.first)
    let expected = try logits(TestFiles.smolLM2, mode: mode, isa: first, threads: 1, precision: .f32, steps: 30)
    for isa in sets {
      let found = try logits(TestFiles.smolLM2, mode: mode, isa: isa, threads: 2, precision: .f32, steps: 30)
      #expect(found == expected, "\(isa)")
    }
  }

  /// A hash of the bits of the logits of 200 steps: FNV-1a over all of them.
  private func hash(_ logits: [[UInt32]]) -> UInt64 {
    logits.joined().reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  @Test(arguments: QuantizationMode.allCases)
  func `two hundred steps have one hash, and so have they when everything is computed again`(
    mode: QuantizationMode
  ) throws {
    let path = TestFiles.goldenPath("trained/tiny-bitnet")
    func steps(_ isa: InstructionSet, threads: Int) throws -> [[UInt32]] {
      try logits(path, mode: mode, isa: isa, threads: threads, precision: .f16, steps: 200)
    }
    let expected = try steps(.scalar, threads: 1)
    for isa in InstructionSet.available {
      for threads in [1, 2] { #expect(try hash(steps(isa, threads: threads)) == hash(expected), "\(isa), \(threads)") }
    }
    // The last step without anything cached: the whole sequence at once.
    let model = try Model(
      contentsOf: URL(filePath: path), options: .init(mode: mode, cachePrecision: .f16))
    let session = model.makeSession()
    var sequence = [3, 17, 40, 5, 9, 120, 33]
    for step in expected.dropLast() {
      let values = step.map(Float.init(bitPattern:))
      sequence.append(values.indices.max { values[$0] < values[$1] } ?? 0)
    }
    #expect(try session.logits(after: sequence).map(\.bitPattern) == expected.last)
  }
}
