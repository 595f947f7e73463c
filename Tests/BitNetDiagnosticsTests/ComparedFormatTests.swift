import BitNet
import BitNetDiagnostics
import TestSupport
import Testing

/// A Hugging Face folder against a GGUF file of architecture `llama`, whose rows of q and k are in another order.
@Suite struct ComparedFormatTests {
  private static let parts = [
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
  ]

  /// tiny-dense without its tokenizer, and as GGUF.
  private func models(permutes: Bool) throws -> (folder: TemporaryFolder, file: String) {
    var model = try PlantedModel("trained/tiny-dense")
    model.remove(file: "tokenizer.json")
    let folder = try model.write()
    if permutes {
      for layer in 0..<2 {
        for part in ["q_proj", "k_proj"] {
          // What llama.cpp's converter does: reshape [heads, 2, 8, columns], swap the middle axes.
          try model.reorderRows("model.layers.\(layer).self_attn.\(part).weight") { row in
            row - row % 16 + row % 2 * 8 + row % 16 / 2
          }
        }
      }
    }
    var builder = GGUFBuilder()
    let settings: [(String, GGUFBuilder.Value)] = [
      ("general.architecture", .string("llama")), ("llama.embedding_length", .u32(64)), ("llama.block_count", .u32(2)),
      ("llama.feed_forward_length", .u32(192)), ("llama.attention.head_count", .u32(4)),
      ("llama.attention.head_count_kv", .u32(2)), ("llama.context_length", .u32(512)),
      ("llama.attention.layer_norm_rms_epsilon", .f32(1e-5)), ("llama.rope.freq_base", .f32(10_000)),
    ]
    for (key, value) in settings { builder.add(key, value) }
    for name in model.names {
      let weights = try #require(model[name])
      builder.add(tensor: try ggufName(name), shape: weights.shape, floats: weights.floats)
    }
    return (folder, try folder.write("model.gguf", builder.build()))
  }

  private func ggufName(_ name: String) throws -> String {
    if name == "model.embed_tokens.weight" { return "token_embd.weight" }
    if name == "model.norm.weight" { return "output_norm.weight" }
    let pieces = name.split(separator: ".")
    let part = try #require(ComparedFormatTests.parts[pieces[3..<pieces.count - 1].joined(separator: ".")])
    return "blk.\(pieces[2]).\(part).weight"
  }

  private func compare(permutes: Bool) throws -> Comparison {
    let (folder, file) = try models(permutes: permutes)
    return try withExtendedLifetime(folder) {
      try Comparison(of: Checkpoint(path: folder.path), with: Checkpoint(path: file), options: .init(threads: 2))
    }
  }

  @Test func `the permutation of a GGUF file is undone before tensors are compared`() throws {
    let comparison = try compare(permutes: true)
    #expect(comparison.conclusion == "the same model")
    #expect(comparison.tensors.allSatisfy { $0.status == .equal })
    #expect(comparison.settings.first { $0.name == "rope pairs" }?.differs == true)
  }

  @Test func `a GGUF file that was not permuted is told`() throws {
    let comparison = try compare(permutes: false)
    #expect(
      comparison.conclusion.hasPrefix("part at layer 0: attn_k, attn_q of all layers differ, each looks permuted"))
    #expect(comparison.hidden?.partsAtLayer == 0)
  }
}
