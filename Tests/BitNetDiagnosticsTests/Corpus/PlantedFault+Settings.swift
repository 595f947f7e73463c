import BitNetConversion
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

extension PlantedFault {
  private static let online =
    "\"quantization_config\": {\"quant_method\": \"bitnet\", \"linear_class\": \"autobitlinear\", "
    + "\"quantization_mode\": \"online\"}"

  /// Settings that are not those of the weights.
  static let settings: [PlantedFault] = [
    PlantedFault(
      name: "SiLU for the squared ReLU", base: deep, code: .wrongActivation,
      plant: { try $0.configure("hidden_act", "\"silu\"") }),
    PlantedFault(
      name: "squared ReLU for SiLU", base: dense, code: .wrongActivation,
      plant: { try $0.configure("hidden_act", "\"relu2\"") }),
    PlantedFault(
      name: "rotary base 500000 for 10000", base: bitnet, code: .wrongRopeBase,
      plant: { try $0.configure("rope_theta", "500000.0") }),
    PlantedFault(
      name: "rotary base 10000 for 1000000", base: qwen, code: .wrongRopeBase,
      plant: { try $0.configure("rope_theta", "10000.0") }),
    PlantedFault(
      name: "another epsilon", base: bitnet, code: .wrongEpsilon, plant: { try $0.configure("rms_norm_eps", "0.5") }),
    PlantedFault(
      name: "a head of its own called tied", base: qwen, code: .wrongHead,
      plant: { try $0.configure("tie_word_embeddings", "true") }),
    PlantedFault(
      name: "a head of noise beside a tied embedding", base: bitnet, code: .wrongHead,
      plant: { model in
        var head = try #require(model["model.embed_tokens.weight"])
        head.floats = gaussian(head.floats.count, deviation: 0.1, seed: 7)
        model.add("lm_head.weight", head)
        try model.configure("tie_word_embeddings", "false")
      }),
    PlantedFault(
      name: "one sub-norm lost", base: bitnet, code: .subNormsMissing, tensor: "blk.1.ffn_sub_norm",
      plant: { $0[weight(1, "mlp.ffn_sub_norm")] = nil }),
    PlantedFault(
      name: "all sub-norms lost", base: deep, code: .subNormsMissing,
      plant: { model in for tensor in model.names where tensor.contains("sub_norm") { model[tensor] = nil } }),
    PlantedFault(
      name: "gains of sub-norms less 1", base: bitnet, code: .subNormsWrong,
      plant: { model in
        for tensor in model.names where tensor.contains("sub_norm") {
          try model.edit(tensor) { $0 = $0.map { $0 - 1 } }
        }
      }),
    PlantedFault(
      name: "sub-norms inserted, never trained", base: dense, code: .subNormsUntrained,
      plant: { model in
        try model.insert(online)
        for layer in 0..<2 {
          for (norm, count) in [("self_attn.attn_sub_norm", 64), ("mlp.ffn_sub_norm", 192)] {
            let ones = Array(repeating: Float(1), count: count)
            model.add(weight(layer, norm), .init(shape: [count], type: .f32, bytes: ones.littleEndianBytes))
          }
        }
      }),
    PlantedFault(
      name: "master weights called packed", base: bitnet, code: .quantizationMisdeclared,
      plant: { try $0.replace("\"online\"", with: "\"offline\"", in: "config.json") }),
    PlantedFault(
      name: "vocab_size of another model", base: bitnet, code: .vocabularySize,
      plant: { try $0.configure("vocab_size", "511") }),
    PlantedFault(
      name: "I2_S on the label, F16 in the file", base: wide, code: .misleadingLabel,
      finish: { folder in
        try gguf(
          folder, .f16,
          metadata: { entries in
            entries.map { $0.key == "general.file_type" ? ($0.key, .u32(40)) : $0 }
          })
      }),
    PlantedFault(
      name: "a dense model that declares itself a BitNet", base: dense, code: .neverTrainedWithBitLinear,
      plant: { try $0.insert(online) }),
    PlantedFault(
      name: "a BitNet without its quantization_config", base: bitnet, code: .undeclaredBitNet,
      plant: { model in
        try model.replace("\"quantization_config\"", with: "\"lost_config\"", in: "config.json")
        try model.configure("model_type", "\"llama\"")
        try model.replace("BitNetForCausalLM", with: "LlamaForCausalLM", in: "config.json")
      }),
    PlantedFault(
      name: "a dense model made ternary", base: dense, code: .ternarizedAfterwards,
      plant: { model in
        for matrix in model.matrices { try model.pack(matrix) }
        try model.insert(online.replacingOccurrences(of: "online", with: "offline"))
      }),
    PlantedFault(name: "twenty steps of training", base: "trained/tiny-stopped", code: .undertrained),
    PlantedFault(name: "no step of training", base: "trained/tiny-untrained", code: .neverTrained),
    PlantedFault(
      name: "the base model under another name", base: dense, code: .sameAsReference, hasReference: true,
      plant: { model in
        for matrix in model.matrices { try model.edit(matrix) { $0 = $0.map { $0 * 1.002 } } }
      }),
    PlantedFault(
      name: "outliers before int8", base: deep, code: .activationOutliers,
      plant: { model in
        let readers = [
          "input_layernorm": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
          "post_attention_layernorm": ["mlp.gate_proj", "mlp.up_proj"],
        ]
        for layer in 0..<6 {
          for (norm, parts) in readers {
            try model.edit(weight(layer, norm)) { $0[9] = 3000 }
            for part in parts {
              try model.editTrits(weight(layer, part)) { for row in $0.indices { $0[row][9] = 0 } }
            }
          }
        }
      }),
    PlantedFault(
      name: "products beyond half precision", base: bitnet, code: .halfOverflow,
      plant: { model in
        for layer in 0..<2 {
          for part in ["mlp.gate_proj", "mlp.up_proj"] {
            try model.edit(weight(layer, part)) { $0 = $0.map { $0 * 100 } }
          }
        }
      }),
    PlantedFault(
      name: "the last norm negated", base: dense, code: .wrongArithmetic,
      plant: { try $0.edit("model.norm.weight") { $0 = $0.map { -$0 } } }),
  ]
}
