/// A Hugging Face model folder: its configuration, its tensors, and what lies beside them.
public struct HuggingFaceFolder: Sendable {
  /// The path of the folder.
  public let path: String
  /// `config.json`.
  public let config: HFConfig
  /// `generation_config.json`; `nil` if there is none.
  public let generationConfig: HFGenerationConfig?
  /// The tensors of all shards.
  public let tensors: [Tensor]

  /// Opens a folder; the tensors stay in the mapped files.
  ///
  /// - Throws: ``FormatError`` if `config.json` or the weights are missing or damaged.
  public init(path: String) throws(FormatError) {
    self.path = path
    func file(_ name: String) throws(FormatError) -> String? {
      let file = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
      return try isPresent(file) ? file : nil
    }
    guard let configFile = try file("config.json") else {
      throw FormatError(
        .missing, file: path, "has no config.json", remedy: "Name a .gguf file, or the folder that holds the model.")
    }
    config = try HFConfig(path: configFile)
    if let generation = try file("generation_config.json") {
      generationConfig = try HFGenerationConfig(path: generation)
    } else {
      generationConfig = nil
    }
    tensors = try SafetensorsFolder(folder: path).tensors
  }
}
