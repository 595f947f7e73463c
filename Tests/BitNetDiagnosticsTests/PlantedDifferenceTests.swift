import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// One mistake in a copy of a good model, and what the conclusion must say.
struct Plant: CustomTestStringConvertible, Sendable {
  var name: String
  var source = "trained/tiny-bitnet"
  /// What is done to the model before both copies are made.
  var prepare: @Sendable (inout PlantedModel) throws -> Void = { _ in }
  var change: @Sendable (inout PlantedModel) throws -> Void
  var code: ComparisonDifference.Code
  /// Words of the conclusion.
  var words: [String]

  var testDescription: String { name }
}

private func name(_ layer: Int, _ part: String) -> String { "model.layers.\(layer).\(part).weight" }

/// Row `i` in the order of neighbours is this row in the order of halves; heads of 16.
private func halvesOfNeighbours(_ row: Int) -> Int {
  let element = row % 16
  return row - element + (element.isMultiple(of: 2) ? element / 2 : 8 + element / 2)
}

/// Changes the two-bit codes of a packed matrix.
private func recode(_ model: inout PlantedModel, _ name: String, _ code: (UInt8) -> UInt8) throws {
  var weights = try #require(model[name])
  weights.bytes = weights.bytes.map { byte in
    (0..<4).reduce(0) { $0 | code(byte >> (2 * UInt8($1)) & 3) << (2 * UInt8($1)) }
  }
  model[name] = weights
}

private func scaleAll(_ model: inout PlantedModel, _ factor: (Float) -> Float) throws {
  for scale in model.names where scale.hasSuffix("weight_scale") {
    try model.edit(scale) { $0 = $0.map { $0 * factor($0) } }
  }
}

private let packed = "trained/tiny-bitnet-packed"

private let plants: [Plant] = [
  Plant(
    name: "q and k of one layer permuted",
    change: { model in
      try model.reorderRows(name(1, "self_attn.q_proj"), halvesOfNeighbours)
      try model.reorderRows(name(1, "self_attn.k_proj"), halvesOfNeighbours)
    }, code: .weights, words: ["part at layer 1: blk.1.attn_k, blk.1.attn_q differ", "looks permuted"]),
  Plant(
    name: "q and k of all layers permuted",
    change: { model in
      for layer in 0..<2 {
        try model.reorderRows(name(layer, "self_attn.q_proj"), halvesOfNeighbours)
        try model.reorderRows(name(layer, "self_attn.k_proj"), halvesOfNeighbours)
      }
    }, code: .weights, words: ["part at layer 0: attn_k, attn_q of all layers differ", "looks permuted"]),
  Plant(
    name: "all scales doubled", source: packed, change: { try scaleAll(&$0) { _ in 2 } }, code: .weights,
    words: ["scales differ by 2.00 in all linear layers"]),
  Plant(
    name: "all weights doubled", source: "trained/tiny-dense",
    change: { model in
      for part in linearParts {
        for layer in 0..<2 { try model.edit(name(layer, part)) { $0 = $0.map { $0 * 2 } } }
      }
    }, code: .weights, words: ["scales differ by 2.00 in all linear layers"]),
  Plant(
    name: "one scale tripled", source: packed,
    change: { try $0.edit(name(1, "mlp.up_proj") + "_scale") { $0[0] *= 3 } }, code: .weights,
    words: ["part at layer 1: blk.1.ffn_up differs, is 3.00 times as large in B"]),
  Plant(
    name: "all scales inverted", source: packed, change: { try scaleAll(&$0) { 1 / ($0 * $0) } }, code: .weights,
    words: ["every linear layer has the inverse scale in B"]),
  Plant(
    name: "all scales lost", source: packed, change: { try scaleAll(&$0) { 1 / $0 } }, code: .weights,
    words: ["every linear layer has lost its scale in B"]),
  Plant(
    name: "ternarized twice", source: packed,
    change: { model in
      for part in linearParts {
        for layer in 0..<2 {
          let codes = try #require(model[name(layer, part)]).bytes.flatMap { byte in
            (0..<4).map { byte >> (2 * $0) & 3 }
          }
          let share = Float(codes.count { $0 != 1 }) / Float(codes.count)
          try model.edit(name(layer, part) + "_scale") { $0[0] *= share }
        }
      }
    }, code: .weights, words: ["every linear layer was quantized twice in B"]),
  Plant(
    name: "signs of one matrix swapped", source: packed,
    change: { try recode(&$0, name(0, "self_attn.v_proj")) { 2 - $0 } }, code: .weights,
    words: ["part at layer 0: blk.0.attn_v differs, has its signs swapped"]),
  Plant(
    name: "signs of a float matrix swapped", source: "trained/tiny-dense",
    change: { try $0.edit(name(1, "mlp.down_proj")) { $0 = $0.map { -$0 } } }, code: .weights,
    words: ["part at layer 1: blk.1.ffn_down differs, has its signs swapped"]),
  Plant(
    name: "sign instead of round and clip",
    change: { model in
      for part in linearParts {
        for layer in 0..<2 {
          try model.edit(name(layer, part)) { weights in
            let largest = weights.map(abs).max() ?? 1
            weights = weights.map { $0 < 0 ? -largest : largest }
          }
        }
      }
    }, code: .weights, words: ["every linear layer has no zeros in B", "sign()"]),
  Plant(
    name: "the largest magnitude as the scale",
    change: { model in
      try model.edit(name(0, "mlp.up_proj")) { weights in
        let largest = weights.map(abs).max() ?? 1
        weights = weights.map { ($0 / largest).rounded(.toNearestOrEven) * largest }
      }
    }, code: .weights, words: ["part at layer 0: blk.0.ffn_up differs, has mostly zeros in B"]),
  Plant(
    name: "rows shuffled", change: { try $0.reorderRows(name(0, "mlp.up_proj")) { ($0 * 7 + 3) % 192 } },
    code: .weights, words: ["part at layer 0: blk.0.ffn_up differs, has its rows shuffled"]),
  Plant(
    name: "rows of the embedding shuffled", source: "trained/tiny-dense",
    change: { try $0.reorderRows("model.embed_tokens.weight") { ($0 * 5 + 1) % 512 } }, code: .weights,
    words: ["part at the embedding: token_embd differs, has its rows shuffled"]),
  Plant(
    name: "packed quarters taken for neighbours",
    change: { try $0.reorderRows(name(0, "mlp.gate_proj")) { $0 % 4 * 48 + $0 / 4 } }, code: .weights,
    words: ["blk.0.ffn_gate differs, looks unpacked wrongly"]),
  Plant(
    name: "a square matrix transposed",
    change: { model in
      try model.edit(name(1, "self_attn.o_proj")) { weights in
        let old = weights
        for row in 0..<64 { for column in 0..<64 { weights[row * 64 + column] = old[column * 64 + row] } }
      }
    }, code: .weights, words: ["part at layer 1: blk.1.attn_output differs, looks transposed"]),
  Plant(
    name: "columns shuffled",
    change: { model in
      try model.edit(name(1, "mlp.down_proj")) { weights in
        let old = weights
        for row in 0..<64 {
          for column in 0..<192 { weights[row * 192 + column] = old[row * 192 + (column * 5 + 2) % 192] }
        }
      }
    }, code: .weights, words: ["part at layer 1: blk.1.ffn_down differs, has its columns shuffled"]),
  Plant(
    name: "a single trit", source: packed,
    change: { model in
      var weights = try #require(model[name(1, "mlp.up_proj")])
      weights.bytes[5] = weights.bytes[5] & 3 == 0 ? weights.bytes[5] | 1 : weights.bytes[5] & 0xFC
      model[name(1, "mlp.up_proj")] = weights
    }, code: .weights, words: ["part at layer 1: blk.1.ffn_up differs (relative difference"]),
  Plant(
    name: "a norm", change: { try $0.edit("model.layers.1.input_layernorm.weight") { $0 = $0.map { $0 + 1 } } },
    code: .weights, words: ["part at layer 1: blk.1.attn_norm differs"]),
  Plant(
    name: "a missing sub-norm", change: { $0["model.layers.1.self_attn.attn_sub_norm.weight"] = nil },
    code: .missingTensors, words: ["part at layer 1: blk.1.attn_sub_norm is missing in B"]),
  Plant(
    name: "all sub-norms missing",
    change: { model in
      for name in model.names where name.contains("sub_norm") { model[name] = nil }
    }, code: .missingTensors, words: ["part at layer 0: attn_sub_norm, ffn_sub_norm of all layers are missing in B"]),
  Plant(
    name: "a tensor too many",
    change: { model in
      let norm = try #require(model["model.layers.0.input_layernorm.weight"])
      model.add("model.layers.0.self_attn.strange_norm.weight", norm)
    }, code: .cannotRun, words: ["strange_norm is missing in A", "cannot be run"]),
  Plant(
    name: "packed weights without their scale", source: packed,
    change: { $0[name(1, "mlp.up_proj") + "_scale"] = nil }, code: .cannotRun,
    words: ["cannot be run", "tensor model.layers.1.mlp.up_proj.weight"]),
  Plant(
    name: "one row more",
    change: { model in
      var embedding = try #require(model["model.embed_tokens.weight"])
      embedding.floats += Array(repeating: 0, count: 64)
      embedding.shape[0] += 1
      model["model.embed_tokens.weight"] = embedding
      try model.configure("vocab_size", "513")
    }, code: .vocabulary,
    words: ["the same weights, different vocabulary: 512 against 513 (rows that only fill up: both have 512 tokens)"]),
  Plant(
    name: "rope base", change: { try $0.configure("rope_theta", "500000.0") }, code: .rope,
    words: ["the same weights, different rope base: 10000.0 against 500000.0"]),
  Plant(
    name: "epsilon", change: { try $0.configure("rms_norm_eps", "1e-06") }, code: .epsilon,
    words: ["the same weights, different norm epsilon: 1e-05 against 1e-06"]),
  Plant(
    name: "activation", change: { try $0.configure("hidden_act", "\"silu\"") }, code: .activation,
    words: ["the same weights, different activation: squared ReLU against SiLU"]),
  Plant(
    name: "run as a dense model", source: "trained/tiny-dense",
    prepare: { try $0.replace("LlamaForCausalLM", with: "BitNetForCausalLM", in: "config.json") },
    change: { try $0.replace("BitNetForCausalLM", with: "LlamaForCausalLM", in: "config.json") }, code: .arithmetic,
    words: ["the same weights, different arithmetic: bitLinear against none"]),
  Plant(
    name: "a token", change: { try $0.replace("<|im_end|>", with: "<|im_stop|>", in: "tokenizer.json") },
    code: .tokenizer,
    words: ["the same weights, different tokenizer: token 2 is \"<|im_end|>\" against \"<|im_stop|>\""]),
  Plant(
    name: "another splitting",
    change: { try $0.replace("\"add_prefix_space\": false", with: "\"add_prefix_space\": true", in: "tokenizer.json") },
    code: .tokenizer, words: ["the same weights, different tokenization"]),
  Plant(
    name: "the end of sequence",
    change: {
      try $0.replace(
        "\"eos_token\": \"<|endoftext|>\"", with: "\"eos_token\": \"<|im_start|>\"", in: "tokenizer_config.json")
    },
    code: .specialTokens, words: ["the same weights, different special tokens: ends"]),
  Plant(
    name: "no tokenizer", change: { $0.remove(file: "tokenizer.json") }, code: .tokenizer,
    words: ["the same weights, no usable tokenizer in B"]),
  Plant(
    name: "a damaged tokenizer", change: { try $0.replace("\"merges\"", with: "\"merges", in: "tokenizer.json") },
    code: .cannotRun, words: ["the same weights, no usable tokenizer in B; cannot be run: ", "tokenizer.json"]),
  Plant(
    name: "the chat template",
    prepare: {
      try $0.replace(
        "\"add_bos_token\"", with: "\"chat_template\": \"{{ messages[0].content }}\",\n  \"add_bos_token\"",
        in: "tokenizer_config.json")
    },
    change: {
      try $0.replace("\"chat_template\": \"{{ messages[0].content }}\",", with: "", in: "tokenizer_config.json")
    },
    code: .chatTemplate, words: ["the same weights, chat template missing in B"]),
]

@Suite struct PlantedDifferenceTests {
  @Test(arguments: plants) func `a planted difference is named in the conclusion`(plant: Plant) throws {
    var model = try PlantedModel(plant.source)
    try plant.prepare(&model)
    let good = try model.write()
    try plant.change(&model)
    let bad = try model.write()
    let comparison = try Comparison(
      of: Checkpoint(path: good.path), with: Checkpoint(path: bad.path),
      options: .init(prompts: ["The old house stood at the end of the road."], threads: 2))
    let isSame = comparison.isSame
    #expect(!isSame)
    #expect(comparison.differences.contains { $0.code == plant.code }, "\(comparison.differences)")
    for words in plant.words { #expect(comparison.conclusion.contains(words), "\(comparison.conclusion)") }
    let page = comparison.report(isVerbose: true)
    #expect(page.contains("DIFFERENT"))
    let decoded = try JSONDecoder().decode(Comparison.self, from: JSONEncoder.lenient.encode(comparison))
    #expect(decoded.report(isVerbose: true) == page)
  }

  @Test(arguments: ["trained/tiny-bitnet", "trained/tiny-dense", packed, "models/qwen3", "models/llama-bitnet"])
  func `a model is the same as its copy`(name: String) throws {
    let copy = try PlantedModel(name).write()
    let comparison = try Comparison(
      of: Checkpoint(path: TestFiles.goldenPath(name)), with: Checkpoint(path: copy.path), options: .init(threads: 2))
    #expect(comparison.conclusion == "the same model")
    #expect(comparison.isSame && comparison.differences.isEmpty)
    #expect(comparison.logits?.maximum == 0)
    #expect(comparison.hidden?.partsAtLayer == nil)
  }

  @Test func `models of other shapes are told`() throws {
    let comparison = try Comparison(
      of: Checkpoint(path: TestFiles.goldenPath("trained/tiny-bitnet")),
      with: Checkpoint(path: TestFiles.goldenPath("models/bitnet-online")), options: .init(threads: 2))
    #expect(comparison.conclusion.hasPrefix("different shapes: hidden size: 64 against 128, "))
    #expect(comparison.hidden == nil)
  }

  /// Training leaves many weights on the border between two trits: rounding as fine as f16's moves 1 % of them.
  @Test func `rounded master weights are the same model`() throws {
    var model = try PlantedModel("trained/tiny-bitnet")
    var random = SplitMix(seed: 5)
    for name in model.names where name.contains("_proj") {
      try model.edit(name) { $0 = $0.map { $0 + $0 * Float.random(in: -0.3...0.3, using: &random) * 1e-3 } }
    }
    let noisy = try model.write()
    let comparison = try Comparison(
      of: Checkpoint(path: TestFiles.goldenPath("trained/tiny-bitnet")), with: Checkpoint(path: noisy.path),
      options: .init(threads: 2))
    #expect(comparison.conclusion == "the same model, up to the rounding of how tensors are stored")
  }

  @Test func `master weights and packed trits are the same model`() throws {
    let comparison = try Comparison(
      of: Checkpoint(path: TestFiles.goldenPath("trained/tiny-bitnet")),
      with: Checkpoint(path: TestFiles.goldenPath(packed)), options: .init(threads: 2))
    #expect(comparison.conclusion == "the same model, up to the rounding of how tensors are stored")
    #expect(comparison.tensors.allSatisfy { ($0.differingTrits ?? 0) == 0 })
    #expect((comparison.logits?.minimumCosine ?? 0) > 0.999)
  }
}

extension JSONEncoder {
  /// Infinite differences are differences too.
  fileprivate static var lenient: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return encoder
  }
}
