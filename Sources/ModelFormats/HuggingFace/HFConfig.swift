/// A model's `config.json` as Hugging Face's transformers writes it.
///
/// Where a key is absent, the value is the default that transformers has for the `model_type`: a configuration saved
/// there leaves out nothing, but those written by hand or by other trainers do.
public struct HFConfig: Sendable {
  /// The path of the file, for messages.
  public let file: String
  /// The class names of the model, such as `BitNetForCausalLM`.
  public let architectures: [String]
  /// The family, such as `bitnet` or `llama`; empty if absent.
  public let modelType: String
  /// The width of the residual stream.
  public let hiddenSize: Int
  /// The width of the feed-forward layers.
  public let intermediateSize: Int
  /// The number of transformer blocks.
  public let layerCount: Int
  /// The number of query heads.
  public let headCount: Int
  /// The number of key and value heads.
  public let kvHeadCount: Int
  /// The width of a head; it need not be ``hiddenSize`` / ``headCount``.
  public let headDim: Int
  /// The number of rows of the embedding.
  public let vocabularySize: Int
  /// The number of positions that the model was trained for.
  public let maxPositions: Int?
  /// The epsilon of the RMS norms.
  public let rmsNormEps: Double
  /// The base of the rotary embedding's angles.
  public let ropeTheta: Double
  /// How positions are stretched; `nil` if they are not.
  public let ropeScaling: HFRopeScaling?
  /// The activation function's name, such as `relu2` or `silu`.
  public let hiddenAct: String
  /// Whether the output head is the embedding.
  public let tiesWordEmbeddings: Bool
  /// Whether the file itself says so, rather than the family's default.
  public let saysTiesWordEmbeddings: Bool
  /// Whether the attention's projections have biases.
  public let attentionBias: Bool
  /// Whether the feed-forward projections have biases.
  public let mlpBias: Bool
  /// The token that begins a text.
  public let bosTokenID: Int?
  /// The tokens that end one.
  public let eosTokenIDs: [Int]
  /// The token that fills up batches.
  public let padTokenID: Int?
  /// The token that stands for text still to be written, in diffusion models.
  public let maskTokenID: Int?
  /// The block size of a block-diffusion model (`bd_size`).
  public let diffusionBlockSize: Int?
  /// The element type that the weights were saved in, such as `bfloat16`.
  public let dtype: String?
  /// How the weights are quantized; `nil` if the file does not say.
  public let quantization: HFQuantization?
  /// Whether `is_bitnet_config` is true, as the packing scripts of HF1BitLLM and Falcon3 leave it.
  public let isBitNetConfig: Bool
  /// 1bitLLM's `weight_bits`: 1 means that its classes quantize weights as they run.
  public let weightBits: Int?
  /// 1bitLLM's `input_bits`: 8 means that its classes quantize activations.
  public let inputBits: Int?

  /// Reads a `config.json`.
  ///
  /// - Throws: ``FormatError`` naming file and key.
  public init(path: String) throws(FormatError) { try self.init(JSONParser.parse(path: path)) }

  /// Reads the text of a `config.json` that is in memory.
  ///
  /// - Throws: ``FormatError`` naming `file` and key.
  public init(text: String, file: String) throws(FormatError) {
    try self.init(JSONNode(JSONParser.parse(Array(text.utf8), file: file), file: file))
  }

  private init(_ root: JSONNode) throws(FormatError) {
    _ = try root.object()
    // Models that also see images keep what concerns text one level down.
    let nested = root["hidden_size"] == nil ? try root.object("text_config") : nil
    let node = nested ?? root
    file = root.file
    architectures = try root.strings("architectures") ?? []
    modelType = try node.string("model_type") ?? ""
    let defaults = Defaults(modelType: modelType)
    hiddenSize = try node.requiredSize("hidden_size")
    intermediateSize = try node.requiredSize("intermediate_size")
    layerCount = try node.requiredSize("num_hidden_layers")
    headCount = try node.requiredSize("num_attention_heads")
    vocabularySize = try node.requiredSize("vocab_size")
    kvHeadCount = node["num_key_value_heads"] == nil ? headCount : try node.requiredSize("num_key_value_heads")
    guard headCount.isMultiple(of: kvHeadCount) else {
      throw node.invalid("num_key_value_heads", found: "\(kvHeadCount)", expected: "a divisor of \(headCount) heads")
    }
    headDim = try HFConfig.headDim(node, hiddenSize: hiddenSize, headCount: headCount, default: defaults.headDim)
    maxPositions = try node.integer("max_position_embeddings")
    rmsNormEps = try node.positive("rms_norm_eps") ?? defaults.rmsNormEps
    let rope = try HFRopeScaling.parameters(node)
    let ropeNode = node["rope_theta"] == nil ? rope ?? node : node
    ropeTheta = try ropeNode.positive("rope_theta") ?? defaults.ropeTheta
    ropeScaling = try rope.flatMap { node throws(FormatError) in try HFRopeScaling(node) }
    hiddenAct = try node.string("hidden_act", "hidden_activation") ?? defaults.hiddenAct
    let tied = try (root["tie_word_embeddings"] == nil ? node : root).bool("tie_word_embeddings")
    tiesWordEmbeddings = tied ?? defaults.tiesWordEmbeddings
    saysTiesWordEmbeddings = tied != nil
    attentionBias = try node.bool("attention_bias") ?? defaults.attentionBias
    mlpBias = try node.bool("mlp_bias") ?? false
    bosTokenID = try (node["bos_token_id"] == nil ? root : node).integers("bos_token_id")?.first
    eosTokenIDs = try (node["eos_token_id"] == nil ? root : node).integers("eos_token_id") ?? []
    padTokenID = try (node["pad_token_id"] == nil ? root : node).integer("pad_token_id")
    maskTokenID = try (node["mask_token_id"] == nil ? root : node).integer("mask_token_id")
    diffusionBlockSize = try (node["bd_size"] == nil ? root : node).integer("bd_size")
    dtype = try root.string("dtype", "torch_dtype")
    quantization = try root.object("quantization_config").map { node throws(FormatError) in try HFQuantization(node) }
    isBitNetConfig = try root.bool("is_bitnet_config") ?? false
    weightBits = try root.integer("weight_bits")
    inputBits = try root.integer("input_bits")
  }

  private static func headDim(
    _ node: JSONNode, hiddenSize: Int, headCount: Int, default familyDefault: Int?
  ) throws(FormatError) -> Int {
    if node["head_dim"] != nil { return try node.requiredSize("head_dim") }
    if let familyDefault { return familyDefault }
    guard hiddenSize.isMultiple(of: headCount) else {
      throw node.invalid(
        "num_attention_heads", found: "\(headCount)", expected: "a divisor of hidden_size \(hiddenSize), or head_dim")
    }
    return hiddenSize / headCount
  }
}

/// What transformers (5.24) takes for absent keys, by model type.
private struct Defaults {
  var rmsNormEps = 1e-6
  var ropeTheta = 10_000.0
  var hiddenAct = "silu"
  var headDim: Int?
  var tiesWordEmbeddings = false
  var attentionBias = false

  init(modelType: String) {
    switch modelType {
    case "bitnet":
      rmsNormEps = 1e-5
      ropeTheta = 500_000
      hiddenAct = "relu2"
    case "qwen2": attentionBias = true  // on q, k and v, not configurable
    case "qwen3": headDim = 128
    case let gemma where gemma.hasPrefix("gemma"):
      hiddenAct = "gelu_pytorch_tanh"
      headDim = 256
      tiesWordEmbeddings = true
      if gemma.hasPrefix("gemma3") { ropeTheta = 1_000_000 }
    default: break
    }
  }
}

extension JSONNode {
  /// A number above zero, if the key is there.
  fileprivate func positive(_ key: String) throws(FormatError) -> Double? {
    guard let number = try number(key) else { return nil }
    guard number > 0, number.isFinite else { throw invalid(key, found: "\(number)", expected: "a number above 0") }
    return number
  }
}
