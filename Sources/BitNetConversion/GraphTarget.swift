import BitNet
import Kernels
import ModelFormats

/// What the graph of a model is called where it goes, and how its query and key rows are ordered there.
struct GraphTarget: Sendable {
  /// `general.architecture`, or `model_type` of a folder.
  let architecture: String
  /// The order of the rows that the architecture expects.
  let layout: RotaryLayout
  let target: ConversionOptions.Target
  let hasSubNorms: Bool

  init(_ checkpoint: Checkpoint, options: ConversionOptions, isTernary: Bool) throws {
    let configuration = checkpoint.configuration
    let file = checkpoint.path
    let hasSubNorms = try GraphTarget.subNorms(checkpoint)
    let family = checkpoint.family
    let isSquared = configuration.activation == .squaredReLU
    let target =
      options.target
      ?? (isSquared || options.weightType == .i2_s || (isTernary && options.weightType == .auto)
        ? .bitnetCpp : .llamaCpp)
    (self.hasSubNorms, self.target) = (hasSubNorms, target)
    let isFolder = options.destination == .safetensors
    func refuse(_ found: String, _ remedy: String) -> ConversionError {
      .noArchitecture(file: file, found: found, target: isFolder ? "transformers" : target.rawValue, remedy: remedy)
    }
    if !isFolder, target == .llamaCpp, options.weightType == .i2_s {
      throw ConversionError.options("llama.cpp has no I2_S. Choose --type tq2_0 or tq1_0, or --target bitnet.cpp.")
    }
    if ["qwen2", "qwen3"].contains(family) {
      guard !hasSubNorms, !isSquared else {
        throw refuse("\(family) with sub-norms", "Is the config.json this model's?")
      }
      (architecture, layout) = (family, .halves)
    } else if hasSubNorms {
      if isSquared, !isFolder, target == .llamaCpp {
        throw refuse(
          "the model gates with squared ReLU",
          "Its 'bitnet' graph computes SiLU and would print garbage: use --target bitnet.cpp.")
      }
      (architecture, layout) = (isFolder ? "bitnet" : isSquared ? "bitnet-b1.58" : "bitnet", .halves)
    } else {
      guard !isSquared else {
        throw refuse(
          "the model gates with squared ReLU and has no sub-norms",
          "Sub-norm tensors may have been lost when the checkpoint was saved; or hidden_act is wrong.")
      }
      (architecture, layout) = ("llama", isFolder ? .halves : .interleaved)
    }
  }

  /// Whether every block has both sub-norms; they are all there or none is.
  private static func subNorms(_ checkpoint: Checkpoint) throws -> Bool {
    let layers = checkpoint.configuration.layerCount
    let names = (0..<layers).flatMap { ["blk.\($0).attn_sub_norm.weight", "blk.\($0).ffn_sub_norm.weight"] }
    let found = names.filter { checkpoint.tensors[$0] != nil }
    guard found.isEmpty || found.count == names.count else {
      let missing = names.first { checkpoint.tensors[$0] == nil } ?? ""
      throw ConversionError.contradiction(
        file: checkpoint.path, what: "the sub-norms", found: "\(found.count), without \(missing)",
        expected: "\(names.count), two for each of the \(layers) blocks, or none",
        remedy: "Tensors were lost when the checkpoint was saved or renamed.")
    }
    return !found.isEmpty
  }
}

extension Checkpoint {
  /// The family by the source's own word: `llama`, `bitnet`, `qwen2` …
  var family: String {
    switch source {
    case .huggingFace(let folder): folder.config.modelType
    case .gguf, .synthetic: configuration.architecture
    }
  }
}
