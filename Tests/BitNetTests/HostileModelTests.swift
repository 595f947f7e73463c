import BitNet
import Foundation
import Kernels
import TestSupport
import Testing
import Tokenization

/// Files that are right as files and impossible as models: each is refused with a sentence, or runs.
@Suite struct HostileModelTests {
  private func load(_ model: TinyLlama) throws -> Model {
    let folder = try TemporaryFolder()
    return try Model(checkpoint: Checkpoint(path: model.write(to: folder)), options: .init(threads: 1))
  }

  @Test func `the model that the tests damage is right`() throws {
    let logits = try load(TinyLlama()).makeSession().logits(after: [1, 2, 3])
    #expect(logits.count == 48 && logits.allSatisfy(\.isFinite))
  }

  @Test(arguments: [
    ("llama.rope.freq_base", GGUFBuilder.Value.f32(.nan)), ("llama.rope.freq_base", .f32(0)),
    ("llama.rope.freq_base", .f32(-1)), ("llama.rope.freq_base", .f32(.infinity)),
    ("llama.attention.layer_norm_rms_epsilon", .f32(.nan)), ("llama.attention.layer_norm_rms_epsilon", .f32(-1)),
    ("llama.attention.layer_norm_rms_epsilon", .f32(.infinity)),
    ("llama.block_count", .u32(0)), ("llama.block_count", .u32(.max)), ("llama.block_count", .u64(1 << 63)),
    ("llama.attention.head_count", .u32(0)), ("llama.attention.head_count", .u32(1 << 30)),
    ("llama.attention.head_count_kv", .u32(0)), ("llama.attention.head_count_kv", .u32(3)),
    ("llama.attention.key_length", .u32(1 << 29)), ("llama.embedding_length", .u32(1 << 30)),
    ("llama.feed_forward_length", .u32(1 << 30)), ("llama.context_length", .u32(0)),
    ("llama.context_length", .i32(-1)), ("llama.rope.dimension_count", .u32(0)),
    ("llama.rope.dimension_count", .u32(10)),
  ])
  func `an impossible setting is refused`(key: String, value: GGUFBuilder.Value) throws {
    var model = TinyLlama()
    model.set(key, value)
    #expect(throws: (any Error).self) { try load(model) }
  }

  @Test(arguments: [Float.nan, .infinity, 0])
  func `a scaling of the rotary frequencies must be a number above 0`(factor: Float) throws {
    var model = TinyLlama()
    model.set("llama.rope.scaling.type", .string("linear"))
    model.set("llama.rope.scaling.factor", .f32(factor))
    #expect(throws: ModelError.self) { try load(model) }
  }

  @Test func `norms that are integers are refused`() throws {
    var model = TinyLlama()
    model.replace("blk.0.attn_norm.weight", shape: [32], type: .i8, bytes: Array(repeating: 1, count: 32))
    let error = #expect(throws: ModelError.self) { try load(model) }
    #expect(error?.description.contains("blk.0.attn_norm.weight is stored as I8") == true)
  }

  @Test(
    arguments: [("blk.0.attn_q.weight", [32, 32]), ("blk.0.ffn_up.weight", [64, 32])], [Float.nan, .infinity, 1])
  func `trits with the code 3 or without a scale are refused`(tensor: (String, [Int]), scale: Float) throws {
    var model = TinyLlama()
    let code: UInt8 = scale == 1 ? 0b01_01_11_01 : 0b01_01_01_01
    let codes = [UInt8](repeating: 0b01_01_01_01, count: tensor.1.reduce(1, *) / 4 - 1) + [code]
    let trailer = [Float](repeating: scale, count: 8).littleEndianBytes
    model.replace(tensor.0, shape: tensor.1, type: .i2_s, bytes: codes + trailer)
    let error = #expect(throws: ModelError.self) { try load(model) }
    #expect(error?.description.contains(scale == 1 ? "has the code 3" : "has the scale") == true)
  }

  /// A width of a million heads costs a file little and a key-value cache gigabytes.
  @Test func `sizes beyond those of any model are refused before buffers are made`() throws {
    var model = TinyLlama()
    let rows = 1 << 20
    model.set("llama.attention.head_count", .u32(UInt32(rows / 8)))
    model.set("llama.attention.head_count_kv", .u32(UInt32(rows / 8)))
    model.set("llama.attention.key_length", .u32(8))
    let error = #expect(throws: ModelError.self) { try load(model) }
    #expect(error?.description.contains("the number of heads is 131072, expected 1 to 4096") == true)
  }

  @Test func `a model whose predictions are no numbers is an error and not token 0`() throws {
    var model = TinyLlama()
    model.replace(
      "output_norm.weight", shape: [32], type: .f32, bytes: [Float](repeating: .nan, count: 32).littleEndianBytes)
    let session = try load(model).makeSession()
    #expect(throws: ModelError.self) { try session.generate([1], options: .init(maximumTokens: 4)) { _ in } }
  }

  @Test func `a negative number of tokens is refused`() throws {
    let session = try load(TinyLlama()).makeSession()
    #expect(throws: ModelError.invalidOption(name: "the most tokens", found: "-1", expected: "0 or more")) {
      try session.generate([1], options: .init(maximumTokens: -1)) { _ in }
    }
  }

  @Test func `control characters of a file do not reach the terminal through an error`() throws {
    var model = TinyLlama()
    model.set("general.architecture", .string("\u{1B}[2Jllama"))
    let error = #expect(throws: ModelError.self) { try load(model) }
    #expect(error?.description.contains("\u{1B}") == false)
  }

  @Test(arguments: [
    ("num_hidden_layers", "1000000000"), ("max_position_embeddings", "0"), ("max_position_embeddings", "-1"),
    ("rms_norm_eps", "1e308"), ("hidden_size", "2000000000"), ("head_dim", "2000000000"),
  ])
  func `an impossible setting of a config is refused`(key: String, value: String) throws {
    let folder = try TemporaryFolder()
    let source = GoldenModel.path("bitnet-online")
    for file in try FileManager.default.contentsOfDirectory(atPath: source) {
      try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(folder.path)/\(file)")
    }
    let config = "\(folder.path)/config.json"
    var json = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: config))) as? [String: Any])
    json[key] = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
    try JSONSerialization.data(withJSONObject: json).write(to: URL(filePath: config))
    #expect(throws: ModelError.self) { try Model(checkpoint: Checkpoint(path: folder.path)) }
  }

  @Test(arguments: [nil, "{}", "{\"eos_token_id\": [1, 2]}"])
  func `the end tokens of config.json count where generation_config.json is silent`(generation: String?) throws {
    let folder = try TemporaryFolder()
    let source = GoldenModel.path("bitnet-online")
    for file in try FileManager.default.contentsOfDirectory(atPath: source) where file != "generation_config.json" {
      try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(folder.path)/\(file)")
    }
    let config = try String(contentsOfFile: "\(source)/config.json", encoding: .utf8)
    try folder.write("config.json", config.replacing("\"eos_token_id\": 0", with: "\"eos_token_id\": [7, 100000]"))
    if let generation { try folder.write("generation_config.json", generation) }
    let ends = try #require(try Checkpoint(path: folder.path).tokenizer()).endOfGeneration
    #expect(ends.contains(7) == (generation?.contains("eos") != true))
    #expect(!ends.contains(100_000))
  }
}
