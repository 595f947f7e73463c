import BitNet
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Faults in a copy of a real model, found and located without the original.
@Suite(.serialized, .enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-smollm2 first")) struct RealWeightsTests {
  /// A copy in which some tensors have other bytes.
  private func diagnose(
    reference: Bool = false, _ change: (_ tensor: Tensor, _ rowBytes: Int) -> [UInt8]?
  ) throws -> Diagnosis {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.gguf"
    let file = try GGUFFile(path: TestFiles.smolLM2)
    let writer = try GGUFWriter(
      path: path,
      layout: GGUFLayout(
        metadata: file.metadata.map { ($0.key, .copied($0.value)) },
        tensors: file.tensors.map { ($0.name, $0.shape, $0.type) }, file: path))
    for (index, tensor) in file.tensors.enumerated() {
      let changed = change(tensor, tensor.bytes.count / max(1, tensor.rows))
      try writer.append(changed.map(SharedBytes.init(copying:)) ?? tensor.bytes, to: index)
    }
    try writer.finish()
    return try Diagnosis(
      path: path,
      options: .init(threads: 2, reference: reference ? try Checkpoint(path: TestFiles.smolLM2) : nil))
  }

  private func reordered(_ tensor: Tensor, _ rowBytes: Int, _ order: (Int) -> Int) -> [UInt8] {
    (0..<tensor.rows).flatMap { row in
      tensor.bytes.array(order(row) * rowBytes..<(order(row) + 1) * rowBytes)
    }
  }

  /// Blocks of 20 bytes that begin with a scale and a minimum in half precision.
  private func scaled(_ tensor: Tensor, by factor: Float) -> [UInt8] {
    var bytes = tensor.bytes.array(0..<tensor.bytes.count)
    for block in stride(from: 0, to: bytes.count, by: 20) {
      for place in [block, block + 2] {
        let half = Float16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
        let bits = Float16(Float(half) * factor).bitPattern
        bytes[place] = UInt8(bits & 0xFF)
        bytes[place + 1] = UInt8(bits >> 8)
      }
    }
    return bytes
  }

  @Test func `a good model gives no alarm`() throws {
    let diagnosis = try Diagnosis(path: TestFiles.smolLM2, options: .init(threads: 2))
    #expect(diagnosis.verdict.code == .neverTrainedWithBitLinear)
    #expect(diagnosis.severity == .info, "\(diagnosis.findings)")
  }

  @Test(arguments: ["blk.12.ffn_up", "blk.20.ffn_gate", "blk.7.attn_v", "blk.25.ffn_down"])
  func `shuffled rows are found and the tensor is named`(name: String) throws {
    let diagnosis = try diagnose { tensor, rowBytes in
      guard tensor.name == name + ".weight" else { return nil }
      var random = SplitMix(seed: 1)
      let order = Array(0..<tensor.rows).shuffled(using: &random)
      return reordered(tensor, rowBytes) { order[$0] }
    }
    print("\(name): \(diagnosis.verdict.code.rawValue) \(diagnosis.verdict.tensors)")
    #expect(diagnosis.verdict.code == .scrambledTensor)
    #expect(diagnosis.verdict.tensors.contains(name + ".weight"), "\(diagnosis.verdict)")
    #expect(diagnosis.verdict.tensors.count <= 2)
  }

  @Test(arguments: ["blk.15.ffn_down", "blk.9.attn_output", "blk.22.ffn_up"])
  func `a doubled scale is found and the tensor is named`(name: String) throws {
    let diagnosis = try diagnose { tensor, _ in
      tensor.name == name + ".weight" && tensor.type == .q4_1 ? scaled(tensor, by: 2) : nil
    }
    print(
      "\(name): \(diagnosis.verdict.code.rawValue) \(diagnosis.verdict.tensors) \(diagnosis.scaleSuspects.map { "\($0.name) \($0.deviation)" })"
    )
    #expect(diagnosis.verdict.code == .scaleOutlier)
    #expect(diagnosis.verdict.tensors == [name + ".weight"], "\(diagnosis.verdict)")
  }

  @Test(arguments: [5, 18]) func `permuted queries and keys are found and the block is named`(layer: Int) throws {
    let names = ["blk.\(layer).attn_k.weight", "blk.\(layer).attn_q.weight"]
    let diagnosis = try diagnose { tensor, rowBytes in
      guard names.contains(tensor.name) else { return nil }
      // Heads of 64: what was in the order of neighbours goes to the order of halves.
      return reordered(tensor, rowBytes) { row in
        let element = row % 64
        return row - element + (element < 32 ? 2 * element : 2 * (element - 32) + 1)
      }
    }
    print("\(layer): \(diagnosis.verdict.code.rawValue) \(diagnosis.verdict.tensors)")
    #expect(diagnosis.verdict.code == .rotaryOrder)
    #expect(diagnosis.verdict.tensors.sorted() == names, "\(diagnosis.verdict)")
  }

  @Test func `with a reference the first tensor that differs is named, and how`() throws {
    let diagnosis = try diagnose(reference: true) { tensor, _ in
      tensor.name == "blk.11.attn_v.weight" ? scaled(tensor, by: 2) : nil
    }
    let finding = try #require(diagnosis.findings.first { $0.code == .scaleOutlier })
    #expect(finding.tensors.contains("blk.11.attn_v.weight"), "\(diagnosis.findings)")
    #expect(diagnosis.findings.contains { $0.code == .differsFromReference })
  }
}
