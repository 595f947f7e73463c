import Kernels
import ModelFormats

extension Checkpoint {
  init(path: String, folder: HuggingFaceFolder) throws {
    let config = folder.config
    if let quantization = config.quantization {
      guard quantization.isBitNet else {
        throw ModelError.invalidConfiguration(
          file: config.file, key: "quantization_config.quant_method", found: quantization.method, expected: "bitnet")
      }
      guard !quantization.usesRMSNorm else {
        throw ModelError.invalidConfiguration(
          file: config.file, key: "quantization_config.use_rms_norm", found: "true",
          expected: "false: norms inside every linear layer are not supported")
      }
    }
    var tensors: [String: Tensor] = [:]
    for tensor in folder.tensors {
      guard let name = HuggingFaceNames.canonical(tensor.name) else { continue }
      if let other = tensors.updateValue(tensor, forKey: name) {
        throw ModelError.invalidTensor(
          file: tensor.file, tensor: tensor.name, problem: "names the same weights as \(other.name)",
          remedy: "The checkpoint mixes two naming schemes: keep one.")
      }
    }
    // With tied embeddings transformers ignores a head that the file holds all the same.
    if config.tiesWordEmbeddings { tensors["output.weight"] = nil }
    let packedScales = try Checkpoint.takePackedScales(of: &tensors, config: config)
    let configuration = try ModelConfiguration(folder: folder, tensors: tensors, isPacked: !packedScales.isEmpty)
    self.init(
      path: path, source: .huggingFace(folder), configuration: configuration, tensors: tensors,
      packedScales: packedScales)
  }

  /// Removes the `weight_scale` tensors and returns what the unpacked trits are multiplied by.
  ///
  /// The two linear classes of transformers give `weight_scale` opposite meanings: `autobitlinear` multiplies by it,
  /// `bitlinear`, the default when the key is absent, divides.
  private static func takePackedScales(of tensors: inout [String: Tensor], config: HFConfig) throws -> [String: Float] {
    var scales: [String: Float] = [:]
    for (name, tensor) in tensors where name.hasSuffix(".weight_scale") {
      tensors[name] = nil
      let weight = String(name.dropLast("_scale".count))
      guard let packed = tensors[weight], packed.type == .u8 else {
        throw ModelError.invalidTensor(
          file: tensor.file, tensor: tensor.name, problem: "has no packed uint8 weight beside it",
          remedy: "Online checkpoints hold no weight_scale; the conversion went wrong.")
      }
      guard tensor.elementCount == 1, let stored = try tensor.floats().first, stored > 0, stored.isFinite,
        (1 / stored).isFinite
      else {
        throw ModelError.invalidTensor(
          file: tensor.file, tensor: tensor.name, problem: "is not one positive number",
          remedy: "The file is damaged or comes from another packing: pack the checkpoint again.")
      }
      switch config.quantization?.linearClass ?? .bitLinear {
      case .autoBitLinear: scales[weight] = stored
      case .bitLinear: scales[weight] = 1 / stored
      }
    }
    return scales
  }

  /// Unpacks Hugging Face's offline weights, `[ceil(outputs / 4), inputs]`: the two-bit lane `i` of packed row `j` holds
  /// the output row `i * ceil(outputs / 4) + j`, as value + 1.
  func unpack(_ tensor: Tensor, shape: [Int], scale: Float, compute: Compute) throws -> StoredMatrix {
    let quarter = (shape[0] + 3) / 4
    guard tensor.shape == [quarter, shape[1]] else {
      throw ModelError.wrongShape(
        file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: [quarter, shape[1]])
    }
    let bytes = tensor.bytes
    guard !bytes.holdsInvalidTrits(inFirst: bytes.count) else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name, problem: "has the code 3, which stands for no ternary value",
        remedy: "The file is damaged, or these bytes are not packed ternary weights.")
    }
    let matrix = TernaryMatrix(rows: shape[0], columns: shape[1], quarters: bytes, scale: scale, pool: compute.pool)
    // The trits have memory of their own now.
    bytes.release()
    return .ternary(matrix)
  }

  /// Whether a linear layer is left in full precision by the checkpoint's own word.
  package func isExcludedFromQuantization(_ name: String) -> Bool {
    // What a file written here does not list as ternary is dense.
    ternaryScales.isEmpty ? isNamedInConfig(name) : ternaryScales[name] == nil
  }

  /// Whether `modules_to_not_convert` in a folder's `config.json` names a linear layer.
  package func isNamedInConfig(_ name: String) -> Bool {
    guard case .huggingFace(let folder) = source, let excluded = folder.config.quantization?.modulesToNotConvert,
      let tensor = tensors[name]
    else { return false }
    let module = tensor.name.dropLast(".weight".count)
    // As transformers matches them: a name, or a whole component of one.
    return excluded.contains {
      module == $0 || module.hasSuffix("." + $0) || ("." + module + ".").contains("." + $0 + ".")
    }
  }
}

extension ModelConfiguration {
  private static let families: [String: Bool] = ["llama": false, "bitnet": true, "qwen2": false, "qwen3": false]

  init(folder: HuggingFaceFolder, tensors: [String: Tensor], isPacked: Bool) throws {
    let config = folder.config
    guard let isBitNetFamily = ModelConfiguration.families[config.modelType] else {
      throw ModelError.unsupportedArchitecture(
        file: config.file, found: config.modelType, supported: ModelConfiguration.families.keys.sorted())
    }
    let activation: GateActivation
    switch config.hiddenAct {
    case "silu", "swish": activation = .silu
    case "relu2": activation = .squaredReLU
    default:
      throw ModelError.invalidConfiguration(
        file: config.file, key: "hidden_act", found: config.hiddenAct, expected: "silu or relu2")
    }
    guard let embedding = tensors["token_embd.weight"] else {
      throw ModelError.missingTensor(
        file: folder.path, tensor: "model.embed_tokens.weight", hint: "The folder holds no language model.")
    }
    var notes: [String] = []
    if embedding.rows != config.vocabularySize {
      notes.append(
        "config.json says vocab_size \(config.vocabularySize), the embedding has \(embedding.rows) rows: the rows count"
      )
    }
    // 1bitLLM's and several trainers' classes write this spelling and no quantization_config.
    let name = config.architectures.first ?? config.modelType
    let isBitNet =
      isBitNetFamily || isPacked || config.quantization?.isBitNet == true || config.isBitNetConfig
      || name.lowercased() == "bitnetforcausallm"
    if isPacked, config.quantization == nil {
      notes.append(
        "the weights are packed, yet config.json has no quantization_config: weight_scale is taken to divide")
    }
    self.init(
      architecture: name, vocabularySize: embedding.rows, hiddenSize: config.hiddenSize,
      intermediateSize: config.intermediateSize, layerCount: config.layerCount, heads: config.headCount,
      kvHeads: config.kvHeadCount, headSize: config.headDim, contextLength: config.maxPositions ?? 2048,
      normEpsilon: Float(config.rmsNormEps), ropeTheta: config.ropeTheta, rotatedSize: config.headDim,
      tiesEmbeddings: config.tiesWordEmbeddings, declaresBitLinear: isBitNet, notes: notes, ropeLayout: .halves,
      ropeScaling: try RopeScaling(config), activation: activation)
    try validate(file: config.file)
  }
}

extension RopeScaling {
  init(_ config: HFConfig) throws {
    func invalid(_ found: String, _ expected: String) -> ModelError {
      .invalidConfiguration(file: config.file, key: "rope_scaling", found: found, expected: expected)
    }
    guard let scaling = config.ropeScaling else {
      self = .none
      return
    }
    guard let factor = scaling.factor, factor > 0 else { throw invalid("no factor above 0", "a factor") }
    switch scaling.type {
    case "linear": self = .linear(factor: factor)
    case "llama3":
      guard let low = scaling.lowFreqFactor, let high = scaling.highFreqFactor,
        let original = scaling.originalMaxPositions, low > 0, high > low, original > 0
      else {
        throw invalid(
          "llama3 without its parameters",
          "low_freq_factor < high_freq_factor and original_max_position_embeddings")
      }
      self = .llama3(
        factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: Double(original))
    default: throw invalid(scaling.type, "default, linear or llama3")
    }
  }
}
