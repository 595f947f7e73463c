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
      for name in HuggingFaceExport.copied where FileManager.default.fileExists(atPath: "\(source.path)/\(name)") {
        try FileManager.default.copyItem(atPath: "\(source.path)/\(name)", toPath: "\(folder)/\(name)")
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
    guard isPacked || plan.checkpoint.configuration.declaresBitLinear || plan.options.ternarizes else { return result }
    var excluded: JSONValue?
    if case .object(let old)? = config["quantization_config"] { excluded = old["modules_to_not_convert"] }
    result = result.setting(
      "quantization_config",
      to: ModelConfiguration.huggingFaceQuantization(isPacked: isPacked, excluded: excluded))
    return result.setting("is_bitnet_config", to: nil)
  }

  /// A `config.json` for what no `config.json` says.
  private func fields() throws -> JSONObject {
    plan.checkpoint.configuration.huggingFaceFields(
      attentionBias: plan.checkpoint.tensors["blk.0.attn_q.bias"] != nil, tokenizer: try plan.checkpoint.tokenizer())
  }
}
