import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// The verdict on models that were really trained, or really not: `Tests/Golden/make_trained_golden.py`.
@Suite struct VerdictTests {
  private func diagnose(_ path: String) throws -> Diagnosis {
    try Diagnosis(of: Checkpoint(path: path), options: .init(prompts: ["The old house"], threads: 2))
  }

  /// A copy of a golden model whose files may be changed.
  private func copy(_ name: String, omitting omitted: [String] = []) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let source = TestFiles.goldenPath("trained/\(name)")
    for file in try FileManager.default.contentsOfDirectory(atPath: source) where !omitted.contains(file) {
      try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(folder.path)/\(file)")
    }
    return folder
  }

  @Test(arguments: [
    ("tiny-bitnet", Finding.Code.bitNetTrained), ("tiny-bitnet-packed", .bitNetTrained),
    ("tiny-dense", .neverTrainedWithBitLinear), ("tiny-stopped", .undertrained), ("tiny-untrained", .undertrained),
  ])
  func `a trained model gets its verdict`(name: String, code: Finding.Code) throws {
    let diagnosis = try diagnose(TestFiles.goldenPath("trained/\(name)"))
    #expect(diagnosis.verdict.code == code, "\(diagnosis.verdict)")
  }

  /// The losses that PyTorch measured on the same text.
  @Test(arguments: ["tiny-bitnet", "tiny-bitnet-packed", "tiny-dense", "tiny-stopped", "tiny-untrained"])
  func `the loss on the text is PyTorch's`(name: String) throws {
    struct Golden: Decodable {
      let nll: [String: Double]
    }
    let file = URL(filePath: TestFiles.goldenPath("trained/\(name)/golden.json"))
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    let probe = try #require(try diagnose(TestFiles.goldenPath("trained/\(name)")).probe)
    for mode in QuantizationMode.allCases {
      let expected = try #require(golden.nll[mode.rawValue])
      #expect(abs(probe.loss(mode) - expected) < 0.002, "\(mode.rawValue): \(probe.loss(mode)), \(expected)")
    }
  }

  @Test func `attention is wide where queries are nothing, and narrow where they are huge`() throws {
    func entropies(_ factor: Float) throws -> [Double] {
      var planted = try PlantedModel("trained/tiny-dense")
      try planted.edit("model.layers.0.self_attn.q_proj.weight") { for index in $0.indices { $0[index] *= factor } }
      let folder = try planted.write()
      let behaviour = try #require(try withExtendedLifetime(folder) { try diagnose(folder.path) }.behaviour.first)
      return try #require(behaviour.modes.first { $0.mode == .none }?.attentionEntropy)
    }
    let usual = try entropies(1), even = try entropies(0), narrow = try entropies(1000)
    #expect(usual.allSatisfy { $0 > 0.02 && $0 < 0.98 }, "\(usual)")
    #expect(abs(even[0] - 1) < 1e-6 && narrow[0] < 0.05, "\(even) \(narrow)")
    #expect(even[1] > 0.02 && even[1] < 0.98, "\(even)")
  }

  @Test func `the built-in text is the golden probe`() throws {
    let text = try String(contentsOfFile: TestFiles.goldenPath("probe.txt"), encoding: .utf8)
    #expect(ProbeText.english == text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  @Test func `global_step 0 and an infinite best loss are named as evidence`() throws {
    let verdict = try diagnose(TestFiles.goldenPath("trained/tiny-untrained")).verdict
    #expect(verdict.certainty == .certain)
    #expect(verdict.evidence.contains { $0.contains("global_step 0") })
    #expect(verdict.evidence.contains { $0.contains("best_eval_loss is infinite") })
  }

  @Test func `without a trainer's state a random model is known by its weights, and undertrained by its loss`() throws {
    let folder = try copy("tiny-untrained", omitting: ["trainer_state.json"])
    let findings = try diagnose(folder.path).findings
    #expect(findings.first?.code == .neverTrained)
    #expect(findings.first { $0.code == .undertrained }?.certainty == .likely)
  }

  @Test func `packed weights are also found to be quantized already`() throws {
    let diagnosis = try diagnose(TestFiles.goldenPath("trained/tiny-bitnet-packed"))
    #expect(diagnosis.findings.map(\.code) == [.bitNetTrained, .alreadyQuantized])
    #expect(
      diagnosis.weights.allSatisfy { $0.isTernary && $0.distinctValues == 3 && abs($0.frobeniusRatio - 1) < 1e-6 })
  }

  @Test func `packed weights without a tokenizer are already quantized, and no more is claimed`() throws {
    let folder = try copy("tiny-bitnet-packed", omitting: ["tokenizer.json", "tokenizer_config.json"])
    let diagnosis = try diagnose(folder.path)
    #expect(diagnosis.findings.map(\.code) == [.noTokenizer, .alreadyQuantized])
    #expect(diagnosis.probe == nil && diagnosis.behaviour.isEmpty)
  }

  @Test func `float weights without a tokenizer are inconclusive, and the finding says what would settle it`() throws {
    let folder = try copy("tiny-dense", omitting: ["tokenizer.json", "tokenizer_config.json", "trainer_state.json"])
    let findings = try diagnose(folder.path).findings
    #expect(findings.map(\.code) == [.noTokenizer, .inconclusive])
    #expect(findings[0].nextSteps.contains { $0.contains("tokenizer.json") })
  }

  @Test(arguments: [Float.nan, .infinity]) func `a single bad weight is damage, and its tensor is named`(
    value: Float
  ) throws {
    let folder = try copy("tiny-dense")
    try patch(folder, tensor: "model.layers.1.mlp.up_proj.weight", element: 77, value: value)
    let verdict = try diagnose(folder.path).verdict
    #expect(verdict.code == .damaged)
    #expect(verdict.evidence.contains { $0.contains("blk.1.ffn_up.weight: 1 weights") })
  }

  @Test func `a norm that is not finite is damage`() throws {
    let folder = try copy("tiny-bitnet")
    try patch(folder, tensor: "model.norm.weight", element: 0, value: .nan)
    let verdict = try diagnose(folder.path).verdict
    #expect(verdict.code == .damaged)
    #expect(verdict.evidence.contains { $0.contains("output_norm.weight") })
  }

  @Test func `a matrix of zeros is damage`() throws {
    let folder = try copy("tiny-dense")
    try patch(folder, tensor: "model.layers.0.self_attn.o_proj.weight", element: nil, value: 0)
    let verdict = try diagnose(folder.path).verdict
    #expect(verdict.code == .damaged)
    #expect(verdict.evidence.contains { $0.contains("blk.0.attn_output.weight") })
  }

  /// A head of which every row is negated predicts the opposite of what it learned.
  @Test func `a model that is confidently wrong is computed wrongly`() throws {
    let folder = try copy("tiny-dense", omitting: ["trainer_state.json"])
    try patch(folder, tensor: "model.norm.weight", element: nil, value: -3)
    let verdict = try diagnose(folder.path).verdict
    #expect(verdict.code == .wrongArithmetic, "\(verdict)")
  }

  /// Overwrites one element, or all, of a bf16 or f32 tensor in the folder's model.safetensors.
  private func patch(_ folder: TemporaryFolder, tensor name: String, element: Int?, value: Float) throws {
    let url = URL(filePath: folder.path + "/model.safetensors")
    var data = try Data(contentsOf: url)
    let headerSize = (0..<8).reduce(0) { $0 | Int(data[$1]) << (8 * $1) }
    let header = try #require(
      JSONSerialization.jsonObject(with: data[8..<8 + headerSize]) as? [String: Any])
    let entry = try #require(header[name] as? [String: Any])
    let offsets = try #require(entry["data_offsets"] as? [Int])
    let isBF16 = entry["dtype"] as? String == "BF16"
    let size = isBF16 ? 2 : 4
    let bits = isBF16 ? value.bitPattern >> 16 : value.bitPattern
    let start = 8 + headerSize + offsets[0]
    for index in element.map({ $0..<$0 + 1 }) ?? 0..<(offsets[1] - offsets[0]) / size {
      for byte in 0..<size { data[start + index * size + byte] = UInt8(truncatingIfNeeded: bits >> (8 * UInt32(byte))) }
    }
    try data.write(to: url)
  }
}
