import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization

/// What lies beside the weights in a Hugging Face folder.
struct HuggingFaceExport {
  let plan: ConversionPlan

  private static let copied =
    Tokenizer.huggingFaceFileNames + ["generation_config.json", "dlm_config.json", "trainer_state.json"]

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
  func writeProvenance(_ files: [SourceFile], to folder: String) throws {
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
    result = result.setting(
      "quantization_config",
      to: ModelConfiguration.huggingFaceQuantization(
        isPacked: isPacked, excluded: excludedModules(config, isPacked: isPacked)))
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
    let fields = plan.checkpoint.configuration.huggingFaceFields(
      attentionBias: plan.checkpoint.tensors["blk.0.attn_q.bias"] != nil, tokenizer: try plan.checkpoint.tokenizer())
    guard let scaling = try Llama3Scaling(plan.checkpoint) else { return fields }
    return fields.setting("rope_scaling", to: scaling.json)
  }
}
