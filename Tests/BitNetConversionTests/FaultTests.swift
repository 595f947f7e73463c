import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// What goes wrong with checkpoints in practice, planted into good ones. `row` is the number in the list of causes of
/// garbage that the converter was built against (0: not in it).
struct Fault: Sendable, CustomTestStringConvertible {
  enum Outcome: Sendable {
    /// Converting is refused with a message that has these words.
    case refused([String])
    /// The report warns with these words.
    case warned(String)
    /// It does no harm: the result gives the logits of the good model.
    case harmless
    /// `compare` with the good model says these words.
    case compared([String])
    /// `diagnose` says this.
    case diagnosed(Finding.Code)
  }

  let row: Int
  let name: String
  let base: String
  let outcome: Outcome
  var options: @Sendable (inout ConversionOptions) -> Void = { _ in }
  /// What the good model has too.
  var prepare: @Sendable (inout FaultyFolder) throws -> Void = { _ in }
  let plant: @Sendable (inout FaultyFolder) throws -> Void

  var testDescription: String { name }

  static let online = "models/bitnet-online", offline = "models/bitnet-offline", dense = "models/llama-tied"
  static let linear = "_proj.weight"

  static let names: [Fault] = [
    Fault(row: 1, name: "1bitLLM's spelling of the class", base: online, outcome: .harmless) {
      $0.configure("BitNetForCausalLM", "BitnetForCausalLM")
    },
    Fault(
      row: 17, name: "a token more than the embedding has rows", base: online,
      outcome: .refused(["vocabulary", "320 rows", "resize_token_embeddings"])
    ) {
      let mark = "\"id\": 2,\n      \"content\": \"<|im_end|>\""
      let json = try String(contentsOfFile: TestFiles.goldenPath(online) + "/tokenizer.json", encoding: .utf8)
      $0.files["tokenizer.json"] = json.replacingOccurrences(
        of: mark, with: "\"id\": 320,\n      \"content\": \"|<MASK>|\"")
    },
    Fault(
      row: 18, name: "a mask token outside the vocabulary", base: online,
      outcome: .refused(["mask_token_id", "128256", "dlm_config.json"])
    ) { $0.files["dlm_config.json"] = #"{"bd_size": 32, "mask_token_id": 128256}"# },
    Fault(row: 35, name: "torch.compile's prefix", base: online, outcome: .harmless) { folder in
      folder.change(".") { $0.name = "_orig_mod." + $0.name }
    },
    Fault(row: 21, name: "sub-norms under WF's names", base: online, outcome: .harmless) { folder in
      folder.change("attn_sub_norm") { $0.name = $0.name.replacingOccurrences(of: "attn_sub_norm", with: "o_proj.0") }
      folder.change("o_proj.weight") { $0.name = $0.name.replacingOccurrences(of: "o_proj", with: "o_proj.1") }
    },
  ]

  static let structure: [Fault] = [
    Fault(
      row: 5, name: "a BitNet's masters without quantization_config", base: online,
      outcome: .refused(["sub-norms", "quantization_config", "--ternarize"])
    ) {
      $0.configure("\"quantization_config\"", "\"lost_config\"")
      $0.configure("\"model_type\": \"bitnet\"", "\"model_type\": \"llama\"")
      $0.configure("BitNetForCausalLM", "LlamaForCausalLM")
    },
    Fault(row: 21, name: "one sub-norm lost", base: online, outcome: .refused(["sub-norms", "blk.1.ffn_sub_norm"])) {
      $0.tensors.removeAll { $0.name.contains("layers.1.mlp.ffn_sub_norm") }
    },
    Fault(row: 21, name: "all sub-norms lost", base: online, outcome: .refused(["squared ReLU", "no sub-norms"])) {
      $0.tensors.removeAll { $0.name.contains("sub_norm") }
    },
    Fault(
      row: 21, name: "sub-norms under an unknown name", base: online,
      outcome: .refused(["not part of this architecture", "inner_norm"])
    ) { folder in
      folder.change("attn_sub_norm") { $0.name = $0.name.replacingOccurrences(of: "attn_sub_norm", with: "inner_norm") }
    },
    Fault(
      row: 24, name: "another head size", base: online, outcome: .refused(["q_proj", "shape", "[128, 128]"])
    ) { $0.configure("\"num_attention_heads\": 4", "\"head_dim\": 64, \"num_attention_heads\": 4") },
    Fault(
      row: 26, name: "an untied head that is not there", base: online, outcome: .refused(["output.weight", "missing"])
    ) {
      $0.configure("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false")
    },
    Fault(
      row: 20, name: "a squared ReLU model for llama.cpp", base: online, outcome: .refused(["SiLU", "bitnet.cpp"]),
      options: { $0.target = .llamaCpp }
    ) { _ in },
    Fault(row: 0, name: "another quantization scheme", base: online, outcome: .refused(["quant_method", "gptq"])) {
      $0.configure("\"quant_method\": \"bitnet\"", "\"quant_method\": \"gptq\"")
    },
    Fault(row: 0, name: "an activation that is not computed", base: online, outcome: .refused(["hidden_act", "gelu"])) {
      $0.configure("\"relu2\"", "\"gelu\"")
    },
    Fault(row: 33, name: "a shard that is missing", base: online, outcome: .refused(["lacks 1 of 1 shards"])) {
      $0.files["model.safetensors"] = .some(nil)
      $0.files["model.safetensors.index.json"] =
        #"{"metadata": {}, "weight_map": {"a": "model-00001-of-00001.safetensors"}}"#
    },
    Fault(row: 32, name: "a git-LFS pointer for the weights", base: online, outcome: .refused(["git-LFS pointer"])) {
      $0.files["model.safetensors"] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    },
  ]

  static let weights: [Fault] = [
    Fault(row: 2, name: "sign() for absmean", base: online, outcome: .warned("sign()")) { folder in
      folder.rewrite(linear) { $1 < 0 ? -0.1 : 0.1 }
    },
    Fault(row: 3, name: "absmax for absmean", base: online, outcome: .warned("absmax")) { folder in
      folder.rewrite(linear) { $0 % 8 == 0 ? ($1 < 0 ? -0.1 : 0.1) : 0 }
    },
    Fault(row: 10, name: "scales lost", base: online, outcome: .warned("scale 1")) { folder in
      folder.rewrite(linear) { index, value in index % 3 == 0 ? 0 : value < 0 ? -1 : 1 }
    },
    Fault(
      row: 4, name: "a dense model as a ternary type", base: dense,
      outcome: .refused(["full-precision weights", "--ternarize", "diagnose"]), options: { $0.weightType = .i2_s }
    ) { _ in },
    Fault(
      row: 4, name: "a dense model made ternary on demand", base: dense, outcome: .warned("BN101"),
      options: { $0.ternarizes = true }
    ) { _ in },
    Fault(row: 13, name: "packed bytes without weight_scale", base: offline, outcome: .refused(["U8", "weight_scale"]))
    {
      $0.tensors.removeAll { $0.name.hasSuffix("weight_scale") }
    },
    Fault(row: 14, name: "bytes that are no packed trits", base: offline, outcome: .refused(["code 3"])) { folder in
      folder.change("layers.0.self_attn.q_proj.weight") { if $0.type == .u8 { $0.bytes[7] = 0xFF } }
    },
    Fault(row: 8, name: "a weight_scale of 0", base: offline, outcome: .refused(["weight_scale", "positive"])) {
      folder in
      folder.change("layers.0.self_attn.q_proj.weight_scale") { entry in
        for index in entry.bytes.indices { entry.bytes[index] = 0 }
      }
    },
    Fault(
      row: 8, name: "a scale that no half holds", base: offline, outcome: .refused(["scale", "F16", "inverted"]),
      options: { $0.weightType = .f16 }
    ) { folder in
      folder.change("layers.0.self_attn.q_proj.weight_scale") {
        $0.type = .f32
        $0.bytes = [Float(1e9)].littleEndianBytes
      }
    },
    Fault(row: 25, name: "packed bytes for the embedding", base: online, outcome: .refused(["U8", "numbers"])) {
      folder in
      folder.change("embed_tokens") {
        $0.type = .u8
        $0.bytes = Array(repeating: 0x11, count: $0.bytes.count / 2)
      }
    },
    Fault(row: 0, name: "a weight that is not a number", base: online, outcome: .refused(["infinite or not a number"]))
    {
      folder in folder.rewrite("layers.1.mlp.up_proj.weight") { $0 == 77 ? .nan : $1 }
    },
    Fault(
      row: 0, name: "a norm that is not a number", base: online,
      outcome: .refused(["model.layers.1.input_layernorm.weight holds 2 values", "infinite or not a number"]),
      options: { $0.verifies = false }
    ) { folder in folder.rewrite("layers.1.input_layernorm.weight") { $0 < 2 ? .nan : $1 } },
    Fault(
      row: 0, name: "an embedding that is not a number", base: online,
      outcome: .refused(["model.embed_tokens.weight holds 1 values", "infinite or not a number"]),
      options: {
        $0.verifies = false
        $0.headType = .f16
      }
    ) { folder in folder.rewrite("embed_tokens") { $0 == 9 ? .infinity : $1 } },
    Fault(
      row: 24, name: "a norm of queries of another length", base: "models/qwen3",
      outcome: .refused(["q_norm.weight has the shape", "expected [32]"]), options: { $0.verifies = false }
    ) { folder in
      folder.change("layers.1.self_attn.q_norm") { entry in
        entry.shape = [entry.shape[0] / 2]
        entry.bytes.removeLast(entry.bytes.count / 2)
      }
    },
    Fault(
      row: 30, name: "an embedding beyond the halves", base: online, outcome: .refused(["F16", "65504", "bf16"]),
      options: { $0.headType = .f16 }
    ) { folder in folder.rewrite("embed_tokens") { $0 == 9 ? 1e5 : $1 } },
    Fault(
      row: 11, name: "a lossy step nobody asked for", base: dense,
      outcome: .refused(["lose information", "--allow-lossy"]),
      options: { $0.weightType = .q8_0 }
    ) { _ in },
    Fault(
      row: 12, name: "rows that the type does not fit", base: online, outcome: .harmless,
      options: { $0.weightType = .tq1_0 }
    ) {
      _ in
    },
    Fault(
      row: 0, name: "ternary weights as master weights", base: offline,
      outcome: .refused(["second time", "--type packed"]),
      options: {
        $0.destination = .safetensors
        $0.weightType = .bf16
      }
    ) { _ in },
  ]

  static let all = (names + structure + weights + compared).sorted { ($0.row, $0.name) < ($1.row, $1.name) }
}

@Suite struct FaultTests {
  @Test(arguments: Fault.all) func `a planted fault is caught`(fault: Fault) throws { _ = try fault.caught() }

  /// `docs/faults.md` says what each fault is answered with; the test prints the table as it now is if that is another.
  @Test func `the documented table of faults is what the commands say`() throws {
    let lines = try Fault.all.map { fault in
      let (command, says) = try fault.caught()
      return "| \(fault.row == 0 ? "" : "\(fault.row)") | \(fault.name) | `\(command)` | \(says) |"
    }
    let table = lines.joined(separator: "\n") + "\n"
    let page = TestFiles.golden.deletingLastPathComponent().deletingLastPathComponent().appending(
      path: "docs/faults.md")
    let isDocumented = try String(contentsOf: page, encoding: .utf8).hasSuffix("|\n" + table)
    if !isDocumented { print(table) }
    #expect(isDocumented)
  }

  @Test func `a TQ2_0 tensor with a scale for every block is refused`() throws {
    let target = try TemporaryFolder()
    let path = target.path + "/model.gguf"
    _ = try ConversionTests.convert(TestFiles.goldenPath(Fault.online), to: path) { $0.weightType = .tq2_0 }
    let file = try GGUFFile(path: path)
    let damaged = target.path + "/damaged.gguf"
    let tensors = file.tensors.map { (name: $0.name, shape: $0.shape, type: $0.type) }
    let kept = file.metadata.filter { !$0.key.hasPrefix("bitnet.ternary") }
    let writer = try GGUFWriter(
      path: damaged,
      layout: GGUFLayout(metadata: kept.map { ($0.key, .copied($0.value)) }, tensors: tensors, file: damaged))
    for (index, tensor) in file.tensors.enumerated() {
      var bytes = tensor.bytes.array(0..<tensor.bytes.count)
      if tensor.type == .tq2_0 { bytes[65] ^= 4 }
      try writer.append(SharedBytes(copying: bytes), to: index)
    }
    try writer.finish()
    let error = try #require(throws: ConversionError.self) {
      try ConversionTests.convert(damaged, to: target.path + "/out.gguf") { $0.weightType = .tq1_0 }
    }
    #expect(error.description.contains("different scales"))
  }

  @Test func `an exact scale that contradicts its tensor is refused`() throws {
    let target = try TemporaryFolder()
    let path = target.path + "/model.gguf"
    _ = try ConversionTests.convert(TestFiles.goldenPath(Fault.online), to: path) { $0.weightType = .tq2_0 }
    let file = try GGUFFile(path: path)
    var metadata = file.metadata.map { (key: $0.key, value: GGUFNewValue.copied($0.value)) }
    let index = try #require(metadata.firstIndex { $0.key == "bitnet.ternary.scales" })
    metadata[index].value = .f32s(Array(repeating: 2, count: 14))
    let damaged = target.path + "/damaged.gguf"
    let writer = try GGUFWriter(
      path: damaged,
      layout: GGUFLayout(metadata: metadata, tensors: file.tensors.map { ($0.name, $0.shape, $0.type) }, file: damaged))
    for (index, tensor) in file.tensors.enumerated() { try writer.append(tensor.bytes, to: index) }
    try writer.finish()
    let error = try #require(throws: ModelError.self) { try Model(contentsOf: URL(filePath: damaged)) }
    #expect(error.description.contains("yet the metadata says 2.0"))
  }
}
