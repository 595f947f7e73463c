import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization

/// What lies beside the weights in a Hugging Face folder.
struct HuggingFaceExport {
  let plan: ConversionPlan

  private static let copied = [
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "generation_config.json", "chat_template.jinja", "chat_template.json",
    "additional_chat_templates", "dlm_config.json", "trainer_state.json",
  ]

  /// - Returns: what the user should know.
  func writeSideFiles(to folder: String) throws -> [String] {
    let checkpoint = plan.checkpoint
    var notes: [String] = []
    let config: JSONObject
    switch checkpoint.source {
    case .huggingFace(let source):
      for name in HuggingFaceExport.copied where try isPresent("\(source.path)/\(name)") {
        try copy("\(source.path)/\(name)", to: "\(folder)/\(name)")
      }
      config = try JSONParser.parse(path: "\(source.path)/config.json").object()
    case .gguf(let file):
      config = try fields()
      if let tokenizer = try checkpoint.tokenizer() {
        guard let files = try tokenizer.huggingFaceFiles(gguf: file) else {
          notes.append(
            "the tokenizer is a \(tokenizer.kind.rawValue) vocabulary, which is not written as tokenizer.json: copy the "
              + "original model's tokenizer files into the folder")
          break
        }
        for (name, text) in files { try write(text, "\(folder)/\(name)") }
      }
      if let text = try file.string(ConversionKeys.blockDiffusion) {
        try write(Array(text.utf8), "\(folder)/dlm_config.json")
      }
    case .synthetic: config = try fields()
    }
    try write(JSONValue.object(finished(config)).text() + [0x0A], "\(folder)/config.json")
    return notes
  }

  /// Says in `conversion.json` what the folder was made of.
  func writeProvenance(_ files: [ConversionReport.SourceFile], to folder: String) throws {
    func object(_ entries: [(key: JSONString, value: JSONValue)]) -> JSONValue { .object(JSONObject(entries: entries)) }
    let sources = files.map { file in
      object([
        ("file", .string(JSONString(file.name))), ("bytes", .integer(Int64(file.bytes))),
        ("sha256", .string(JSONString(file.sha256))),
      ])
    }
    let text = object([("tool", .string(JSONString(plan.options.tool))), ("source", .array(sources))]).text()
    try write(text + [0x0A], "\(folder)/conversion.json")
  }

  /// Copies what is behind links: the cache of Hugging Face is made of links, and the copy is to stand alone.
  private func copy(_ source: String, to target: String) throws {
    let files = FileManager.default
    let real = URL(filePath: source).resolvingSymlinksInPath().path
    guard let names = try? files.contentsOfDirectory(atPath: real) else {
      return try files.copyItem(atPath: real, toPath: target)
    }
    try files.createDirectory(atPath: target, withIntermediateDirectories: false)
    for name in names { try copy("\(real)/\(name)", to: "\(target)/\(name)") }
  }

  private func write(_ bytes: [UInt8], _ path: String) throws {
    let file = try NewFile(path: path)
    try file.write(SharedBytes(copying: bytes), at: 0)
    try file.finish(count: bytes.count)
  }

  /// The configuration with class and quantization as the tensors now are.
  private func finished(_ config: JSONObject) -> JSONObject {
    let classes = [
      "bitnet": "BitNetForCausalLM", "llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM",
      "qwen3": "Qwen3ForCausalLM",
    ]
    let family = plan.graph.architecture
    var result = config
    if plan.checkpoint.family != family || config["architectures"] == nil || config["auto_map"] != nil {
      result = result.setting("architectures", to: .array([.string(JSONString(classes[family] ?? ""))]))
        .setting("model_type", to: .string(JSONString(family))).setting("auto_map", to: nil)
    }
    let isPacked = !plan.ternary.isEmpty
    guard isPacked || plan.isBitNet else { return result }
    var quantization: [(key: JSONString, value: JSONValue)] = [
      ("quant_method", "bitnet"), ("linear_class", "autobitlinear"),
      ("quantization_mode", isPacked ? "offline" : "online"),
    ].map { (JSONString($0), .string(JSONString($1))) }
    if let excluded = excludedModules(config, isPacked: isPacked) {
      quantization.append(("modules_to_not_convert", excluded))
    }
    result = result.setting("quantization_config", to: .object(JSONObject(entries: quantization)))
    return result.setting("is_bitnet_config", to: nil)
  }

  /// The linear layers that stay dense: those that the source names, and all that are dense beside packed ones.
  private func excludedModules(_ config: JSONObject, isPacked: Bool) -> JSONValue? {
    var named: JSONValue?
    if case .object(let old)? = config["quantization_config"] { named = old["modules_to_not_convert"] }
    let dense = plan.denseLinears.filter { isPacked && !plan.checkpoint.isNamedInConfig($0.source) }
    guard !dense.isEmpty else { return named }
    // transformers spares the head of its own accord only where there is no list.
    var modules = [JSONValue.string("lm_head")]
    if case .array(let old)? = named { modules = old }
    modules += dense.map { .string(JSONString(String($0.name.dropLast(".weight".count)))) }
    return .array(modules)
  }

  /// A `config.json` for what no `config.json` says.
  private func fields() throws -> JSONObject {
    let configuration = plan.checkpoint.configuration
    func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    var entries: [(key: JSONString, value: JSONValue)] = [
      ("hidden_size", integer(configuration.hiddenSize)),
      ("intermediate_size", integer(configuration.intermediateSize)),
      ("num_hidden_layers", integer(configuration.layerCount)), ("num_attention_heads", integer(configuration.heads)),
      ("num_key_value_heads", integer(configuration.kvHeads)), ("head_dim", integer(configuration.headSize)),
      ("vocab_size", integer(configuration.vocabularySize)),
      ("max_position_embeddings", integer(configuration.contextLength)),
      ("rms_norm_eps", .number(HuggingFaceExport.decimal(configuration.normEpsilon))),
      ("rope_theta", .number(configuration.ropeTheta)),
      ("hidden_act", .string(configuration.activation == .silu ? "silu" : "relu2")),
      ("tie_word_embeddings", .bool(configuration.tiesEmbeddings)),
      ("attention_bias", .bool(plan.checkpoint.tensors["blk.0.attn_q.bias"] != nil)),
    ]
    if case .linear(let factor) = configuration.ropeScaling {
      let scaling: [(key: JSONString, value: JSONValue)] = [
        ("rope_type", .string("linear")), ("factor", .number(factor)),
      ]
      entries.append(("rope_scaling", .object(JSONObject(entries: scaling))))
    }
    if let scaling = try Llama3Scaling(plan.checkpoint) { entries.append(("rope_scaling", scaling.json)) }
    let ids = try plan.checkpoint.tokenizer()?.specialTokens
    if let id = ids?.beginningOfSequence { entries.append(("bos_token_id", integer(id))) }
    if let ends = try plan.checkpoint.tokenizer()?.endOfGeneration.sorted(), !ends.isEmpty {
      entries.append(("eos_token_id", .array(ends.map(integer))))
    }
    return JSONObject(entries: entries)
  }

  /// The shortest decimal that stands for the float: 1e-05, not 9.999999747378752e-06.
  static func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}
