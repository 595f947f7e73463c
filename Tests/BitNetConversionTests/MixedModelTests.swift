import BitNet
import BitNetConversion
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Models of which some linear layers are ternary and others are not.
@Suite struct MixedModelTests {
  private static let down = "model.layers.1.mlp.down_proj"

  private func sparing(in target: TemporaryFolder) throws -> String {
    var folder = try FaultyFolder("models/bitnet-online")
    folder.configure(
      "\"modules_to_not_convert\": null", "\"modules_to_not_convert\": [\"lm_head\", \"\(MixedModelTests.down)\"]")
    try folder.write(to: target.path + "/source")
    return target.path + "/source"
  }

  private func check(_ folder: String, against source: String) throws {
    let model = try HuggingFaceFolder(path: folder)
    #expect(model.config.quantization?.mode == .offline)
    #expect(model.config.quantization?.modulesToNotConvert == ["lm_head", MixedModelTests.down])
    #expect(model.tensors.first { $0.name == MixedModelTests.down + ".weight" }?.type == .bf16)
    #expect(model.tensors.count { $0.type == .u8 } == 13)
    #expect(try ConversionTests.cosine(ConversionTests.logits(folder), ConversionTests.logits(source)) > 0.9999)
  }

  @Test func `a layer that is spared stays dense in a packed folder`() throws {
    let target = try TemporaryFolder()
    let source = try sparing(in: target)
    for type in [WeightType.auto, .packed] {
      let output = "\(target.path)/\(type.rawValue)"
      _ = try ConversionTests.convert(source, to: output) {
        $0.destination = .safetensors
        $0.weightType = type
      }
      try check(output, against: source)
    }
  }

  @Test func `a folder made of a GGUF file names the layers that are dense`() throws {
    let target = try TemporaryFolder()
    let source = try sparing(in: target), file = target.path + "/model.gguf", back = target.path + "/back"
    let report = try ConversionTests.convert(source, to: file)
    #expect(report.verification?.exactTernary == 13)
    _ = try ConversionTests.convert(file, to: back) { $0.destination = .safetensors }
    try check(back, against: source)
  }

  /// -0.125, 0, +0.125 by turns.
  private func trit(_ index: Int) -> Float { Float(index % 3 - 1) / 8 }

  @Test func `a spared layer of three values is computed as densely as before`() throws {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder("models/bitnet-online")
    folder.configure(
      "\"modules_to_not_convert\": null", "\"modules_to_not_convert\": [\"\(MixedModelTests.down)\"]")
    folder.rewrite(MixedModelTests.down) { index, _ in trit(index) }
    let source = target.path + "/source", output = target.path + "/model.gguf"
    try folder.write(to: source)
    let report = try ConversionTests.convert(source, to: output)
    #expect(report.verification?.exactTernary == 13)
    #expect(report.verification?.prompts.allSatisfy { $0.firstDifference == nil } == true)
    #expect(try ConversionTests.cosine(ConversionTests.logits(output), ConversionTests.logits(source)) > 0.99999)
  }

  @Test(arguments: ConversionOptions.Destination.allCases)
  func `a dense model with a layer of three values stays a dense model`(
    destination: ConversionOptions.Destination
  ) throws {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder("models/llama-tied")
    folder.rewrite("layers.1.mlp.up_proj.weight") { index, _ in trit(index) }
    let source = target.path + "/source", output = target.path + "/result"
    try folder.write(to: source)
    let report = try ConversionTests.convert(source, to: output) { $0.destination = destination }
    #expect(report.verification?.exactTernary == 0)
    #expect(report.verification?.rounded == 0)
    let result = try Checkpoint(path: output)
    #expect(!result.configuration.declaresBitLinear)
    #expect(result.tensors["blk.1.ffn_up.weight"]?.type == .f32)
    #expect(try ConversionTests.cosine(ConversionTests.logits(output), ConversionTests.logits(source)) > 0.999_999)
  }

  @Test func `a model of nothing but ternary layers becomes a BitNet, and the report says so`() throws {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder("models/llama-tied")
    folder.rewrite("_proj.weight") { index, _ in trit(index) }
    let source = target.path + "/source", output = target.path + "/model.gguf"
    try folder.write(to: source)
    let report = try ConversionTests.convert(source, to: output) { $0.weightType = .i2_s }
    #expect(report.verification?.exactTernary == 14)
    #expect(report.warnings.contains { $0.contains("does not declare itself a BitNet") })
    #expect(try Checkpoint(path: output).configuration.declaresBitLinear)
  }
}
