import Kernels
import TestSupport

/// A random model of two blocks as a GGUF file, right but for what a test changes.
struct TinyLlama {
  var metadata: [(key: String, value: GGUFBuilder.Value)]
  var tensors: [(name: String, shape: [Int], type: TensorType, bytes: [UInt8])]

  init() {
    let hidden = 32, inner = 64, kv = 16, vocabulary = 48
    metadata = [
      ("general.architecture", .string("llama")), ("llama.embedding_length", .u32(UInt32(hidden))),
      ("llama.block_count", .u32(2)), ("llama.feed_forward_length", .u32(UInt32(inner))),
      ("llama.attention.head_count", .u32(4)), ("llama.attention.head_count_kv", .u32(2)),
      ("llama.context_length", .u32(64)), ("llama.attention.layer_norm_rms_epsilon", .f32(1e-5)),
      ("llama.rope.freq_base", .f32(10_000)),
    ]
    tensors = []
    var random = SplitMix(seed: 1)
    func add(_ name: String, _ shape: [Int], norm: Bool = false) {
      let floats = (0..<shape.reduce(1, *)).map { _ in norm ? 1 : Float.random(in: -0.1...0.1, using: &random) }
      tensors.append((name, shape, .f32, floats.littleEndianBytes))
    }
    add("token_embd.weight", [vocabulary, hidden])
    add("output_norm.weight", [hidden], norm: true)
    for block in 0..<2 {
      for norm in ["attn_norm", "ffn_norm"] { add("blk.\(block).\(norm).weight", [hidden], norm: true) }
      for (role, shape) in [
        ("attn_q", [hidden, hidden]), ("attn_k", [kv, hidden]), ("attn_v", [kv, hidden]),
        ("attn_output", [hidden, hidden]), ("ffn_gate", [inner, hidden]), ("ffn_up", [inner, hidden]),
        ("ffn_down", [hidden, inner]),
      ] { add("blk.\(block).\(role).weight", shape) }
    }
  }

  mutating func set(_ key: String, _ value: GGUFBuilder.Value) {
    metadata.removeAll { $0.key == key }
    metadata.append((key, value))
  }

  mutating func replace(_ name: String, shape: [Int], type: TensorType, bytes: [UInt8]) {
    tensors.removeAll { $0.name == name }
    tensors.append((name, shape, type, bytes))
  }

  /// Writes the file into a folder and returns its path.
  func write(to folder: TemporaryFolder) throws -> String {
    var builder = GGUFBuilder()
    for (key, value) in metadata { builder.add(key, value) }
    for tensor in tensors {
      builder.add(tensor: tensor.name, shape: tensor.shape, type: tensor.type, bytes: tensor.bytes)
    }
    return try folder.write("model.gguf", builder.build())
  }
}
