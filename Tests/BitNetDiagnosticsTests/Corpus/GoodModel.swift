import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// A model with nothing wrong, of a make of its own.
struct GoodModel: Sendable, CustomTestStringConvertible {
  var name: String
  var base: String
  var change: @Sendable (inout PlantedModel) throws -> Void = { _ in }
  var finish: @Sendable (TemporaryFolder) throws -> String = { $0.path }

  var testDescription: String { name }

  func diagnose() throws -> Diagnosis {
    var model = try PlantedModel(base)
    try change(&model)
    let folder = try model.write()
    return try Diagnosis(path: finish(folder), options: .init(prompts: ["The old house"], threads: 2))
  }

  static let all: [GoodModel] = [
    GoodModel(name: "BitNet, master weights, sub-norms, tied", base: PlantedFault.bitnet),
    GoodModel(name: "BitNet, packed", base: PlantedFault.packed),
    GoodModel(name: "BitNet of six blocks, packed, another seed", base: PlantedFault.deep),
    GoodModel(name: "BitNet without sub-norms, SiLU, packed", base: PlantedFault.wide),
    GoodModel(name: "the same as I2_S", base: PlantedFault.wide, finish: { try PlantedFault.gguf($0, .i2_s) }),
    GoodModel(name: "the same as TQ1_0", base: PlantedFault.wide, finish: { try PlantedFault.gguf($0, .tq1_0) }),
    GoodModel(name: "the same as TQ2_0", base: PlantedFault.wide, finish: { try PlantedFault.gguf($0, .tq2_0) }),
    GoodModel(
      name: "BitNet with sub-norms as TQ2_0 where it fits", base: PlantedFault.deep,
      finish: { try PlantedFault.gguf($0, .tq2_0) }),
    GoodModel(name: "dense, tied", base: PlantedFault.dense),
    GoodModel(
      name: "dense as Q8_0, rows permuted for llama", base: PlantedFault.dense,
      finish: { folder in
        let path = folder.path + "/model.gguf"
        var options = ConversionOptions()
        options.weightType = .q8_0
        options.allowsLossy = true
        _ = try Conversion.run(.init(path: folder.path), to: path, options: options)
        return path
      }),
    GoodModel(name: "dense as Qwen2: biases, a head of its own", base: PlantedFault.qwen),
    GoodModel(
      name: "BitNet with 1bitLLM's names", base: PlantedFault.bitnet,
      change: { model in
        for layer in 0..<2 {
          try model.rename(
            weight(layer, "self_attn.attn_sub_norm"), to: weight(layer, "self_attn.inner_attn_ln"))
          try model.rename(
            weight(layer, "mlp.ffn_sub_norm"), to: weight(layer, "mlp.ffn_layernorm"))
        }
      }),
  ]
}
