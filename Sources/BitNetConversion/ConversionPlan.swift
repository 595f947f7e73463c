import BitNet
import Kernels
import ModelFormats
import Tokenization

/// What a conversion will write, decided before anything is written.
struct ConversionPlan {
  let checkpoint: Checkpoint
  let options: ConversionOptions
  let graph: GraphTarget
  private(set) var tensors: [PlannedTensor] = []
  /// What the user should know, as sentences.
  private(set) var warnings: [String] = []
  /// Whether the result declares itself a BitNet.
  let isBitNet: Bool
  /// Whether full-precision weights of a model that does not declare itself a BitNet become ternary.
  private(set) var forcesTernary = false

  var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  var ternary: [PlannedTensor] { tensors.filter { if case .ternary = $0.content { true } else { false } } }

  /// Linear layers that stay numbers.
  var denseLinears: [PlannedTensor] {
    let names = Set(checkpoint.linearNames)
    return tensors.filter { if case .dense = $0.content { names.contains($0.source) } else { false } }
  }

  init(_ checkpoint: Checkpoint, options: ConversionOptions) throws {
    self.checkpoint = checkpoint
    self.options = options
    try checkpoint.refuseUnusedTensors()
    let isMeantTernary = checkpoint.configuration.declaresBitLinear || options.ternarizes
    graph = try GraphTarget(checkpoint, options: options, isTernary: isMeantTernary)
    isBitNet = try isMeantTernary || checkpoint.holdsTernaryLayersOnly()
    try refuseContradictions()
    if options.destination == .gguf { try refuseUnwritableNumbers() }
    try addMatrices(["token_embd.weight"] + (checkpoint.configuration.tiesEmbeddings ? [] : ["output.weight"]))
    try addVector("output_norm.weight", count: checkpoint.configuration.hiddenSize)
    try addRopeFactors()
    for layer in 0..<checkpoint.configuration.layerCount { try addLayer(layer) }
    addWarnings()
  }

  // MARK: layers

  private mutating func addLayer(_ layer: Int) throws {
    let block = "blk.\(layer)."
    try addVector(block + "attn_norm.weight", count: checkpoint.configuration.hiddenSize)
    for role in [LinearRole.query, .key, .value, .output] { try addLinear(layer, role) }
    let configuration = checkpoint.configuration
    for (name, count) in [
      ("attn_q_norm", configuration.headSize), ("attn_k_norm", configuration.headSize),
      ("attn_sub_norm", configuration.heads * configuration.headSize),
    ] where checkpoint.tensors[block + name + ".weight"] != nil {
      try addVector(block + name + ".weight", count: count)
    }
    try addVector(block + "ffn_norm.weight", count: checkpoint.configuration.hiddenSize)
    for role in [LinearRole.gate, .up, .down] { try addLinear(layer, role) }
    if graph.hasSubNorms {
      try addVector(block + "ffn_sub_norm.weight", count: checkpoint.configuration.intermediateSize)
    }
  }

  private mutating func addLinear(_ layer: Int, _ role: LinearRole) throws {
    let base = "blk.\(layer).\(role.rawValue)"
    let name = base + ".weight"
    let shape = role.shape(in: checkpoint.configuration)
    let storage = try LinearStorage(checkpoint, base, shape: shape)
    let isExcluded = checkpoint.isExcludedFromQuantization(name)
    // A single layer that happens to hold three values is as dense as its neighbours.
    let becomesTernary = storage.isTrits || (!isExcluded && isBitNet)
    if !storage.isTernary, becomesTernary, !checkpoint.configuration.declaresBitLinear { forcesTernary = true }
    if storage.type.map(TensorType.ternary.contains) == true, storage.hasSeveralScales {
      throw ConversionError.mixedScales(
        file: checkpoint.path, tensor: name, type: storage.type?.rawValue ?? "ternary")
    }
    if !becomesTernary, options.weightType.isTernary, !isExcluded {
      throw ConversionError.notTernary(
        file: checkpoint.path, tensor: checkpoint.tensors[name]?.name ?? name, found: storage.label,
        requested: "--type \(options.weightType.rawValue)")
    }
    try refuseSecondScale(base)
    var planned =
      becomesTernary
      ? try ternary(layer, role, storage)
      : try dense(name, shape, requested: options.weightType.tensorType, isExplicit: false)
    planned.order = try order(role)
    tensors.append(planned)
    if case .ternary = planned.content, planned.type == .u8 {
      tensors.append(
        PlannedTensor(
          source: name, name: output(name) + "_scale", shape: [1], type: .f32, content: .scale, from: "", reason: nil))
    }
    if checkpoint.tensors[base + ".bias"] != nil {
      try addVector(base + ".bias", count: shape[0], order: planned.order)
    }
  }

  /// A `.scale` tensor belongs to trits of scale 1; with a scale of their own beside it, one of the two is too many.
  private func refuseSecondScale(_ base: String) throws {
    guard let factor = checkpoint.tensors[base + ".scale"], let tensor = checkpoint.tensors[base + ".weight"],
      let outer = try factor.floats().first, outer != 1
    else { return }
    let inner = try tensor.floats(rows: 0..<1).first { $0 != 0 }.map { abs($0) } ?? 1
    guard inner == 1 else {
      throw ConversionError.contradiction(
        file: tensor.file, what: "tensor \(base).weight", found: "the scale \(inner) and \(base).scale \(outer)",
        expected: "one of them to be 1",
        remedy: "The scale would be applied twice: convert from the original checkpoint.")
    }
  }

  private func order(_ role: LinearRole) throws -> [Int]? {
    let configuration = checkpoint.configuration
    guard configuration.ropeLayout != graph.layout, role == .query || role == .key else { return nil }
    guard configuration.rotatedSize == configuration.headSize else {
      throw ConversionError.contradiction(
        file: checkpoint.path, what: "rope.dimension_count", found: "\(configuration.rotatedSize)",
        expected: "the head size \(configuration.headSize)", remedy: "Heads that are rotated in part are not converted."
      )
    }
    let heads = role == .query ? configuration.heads : configuration.kvHeads
    return graph.layout == .interleaved
      ? RowOrder.interleaving(heads: heads, headSize: configuration.headSize)
      : RowOrder.separating(heads: heads, headSize: configuration.headSize)
  }

  private func output(_ canonical: String) -> String {
    options.destination == .gguf ? canonical : HuggingFaceNames.huggingFace(canonical)
  }

  // MARK: types

  /// Trits in the type asked for, or in one that holds them where the rows do not fit.
  private func ternary(_ layer: Int, _ role: LinearRole, _ storage: LinearStorage) throws -> PlannedTensor {
    let name = "blk.\(layer).\(role.rawValue).weight"
    let shape = role.shape(in: checkpoint.configuration)
    var type = options.weightType.tensorType ?? (graph.target == .llamaCpp ? .tq2_0 : .i2_s)
    var reason: String?
    if options.destination == .safetensors {
      type = options.weightType.tensorType ?? .u8
      guard type == .u8 else {
        guard !storage.isTernary else {
          throw ConversionError.options(
            "\(checkpoint.path): the weights are ternary; transformers would quantize them a second time as \(type.rawValue) "
              + "master weights, which shrinks every scale by the share of zeros. Choose --type packed.")
        }
        // Master weights stay what they are: transformers makes them ternary as the model runs.
        return try dense(name, shape, requested: type, isExplicit: false)
      }
    } else if !shape[1].isMultiple(of: type.blockElements) {
      let wanted = type
      type = shape[1].isMultiple(of: 32) && wanted != .q8_0 && wanted != .q4_0 ? .q4_0 : .f16
      reason =
        "rows of \(shape[1]) are not whole blocks of \(wanted.blockElements): \(type.rawValue) holds the trits exactly"
    }
    let how =
      storage.isTernary ? nil : forcesTernary ? "made ternary by absmean (--ternarize)" : "made ternary by absmean"
    return PlannedTensor(
      source: name, name: output(name), shape: shape, type: type, content: .ternary(layer: layer, role),
      from: storage.label,
      reason: [how, reason].compactMap { $0 }.joined(separator: "; ").nonEmpty)
  }

  /// Numbers in the type asked for.
  ///
  /// - Parameter isExplicit: the user named the type for this very tensor, and so accepts what it loses.
  private func dense(
    _ name: String, _ shape: [Int], requested: TensorType?, isExplicit: Bool
  ) throws -> PlannedTensor {
    let tensor = try required(name)
    guard tensor.shape == shape else {
      throw ModelError.wrongShape(file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: shape)
    }
    var type = requested.flatMap { $0 == .u8 || TensorType.ternary.contains($0) ? nil : $0 } ?? tensor.type
    var reason: String?
    if options.destination == .safetensors, !type.isPlain {
      type = .f32
      reason = "folders hold plain numbers"
    } else if type == .f64 {
      type = .f32
    } else if type != tensor.type, !shape[1].isMultiple(of: type.blockElements) {
      reason = "rows of \(shape[1]) are not whole blocks of \(type.rawValue)"
      type = .f16
    }
    if let loss = Rounding.loss(from: tensor.type, to: type) {
      guard loss.isMinor || isExplicit || options.allowsLossy else {
        throw ConversionError.lossy(
          file: tensor.file, tensor: tensor.name, from: tensor.type.rawValue, to: type.rawValue, why: loss.why)
      }
      reason = [reason, loss.why].compactMap { $0 }.joined(separator: "; ")
    }
    return PlannedTensor(
      source: name, name: output(name), shape: shape, type: type, content: .dense, from: tensor.type.rawValue,
      reason: reason)
  }

  private mutating func addMatrices(_ names: [String]) throws {
    let shape = [checkpoint.configuration.vocabularySize, checkpoint.configuration.hiddenSize]
    for name in names {
      let tensor = try required(name)
      guard !TensorType.ternary.contains(tensor.type), tensor.type.isFloatingPoint else {
        throw ConversionError.contradiction(
          file: tensor.file, what: "tensor \(tensor.name)", found: tensor.type.rawValue, expected: "a type of numbers",
          remedy: "Token embedding and output head of a BitNet are not ternary: its converter went too far.")
      }
      var requested = options.headType
      // The official files have it so, and bitnet.cpp's kernels for bf16 are slow.
      if requested == nil, options.destination == .gguf, graph.target == .bitnetCpp, tensor.type == .bf16 {
        requested = .f16
      }
      tensors.append(try dense(name, shape, requested: requested, isExplicit: options.headType != nil))
    }
  }

  private mutating func addVector(_ name: String, count: Int, order: [Int]? = nil) throws {
    let tensor = try required(name)
    guard tensor.elementCount == count else {
      throw ModelError.wrongShape(file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: [count])
    }
    guard tensor.type.isFloatingPoint else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name, problem: "is stored as \(tensor.type.rawValue)",
        remedy: "Norms and biases are floats: the conversion that made this went wrong.")
    }
    let keeps = options.destination == .safetensors && [.f32, .f16, .bf16].contains(tensor.type)
    tensors.append(
      PlannedTensor(
        source: name, name: output(name), shape: [tensor.elementCount], type: keeps ? tensor.type : .f32,
        content: .vector, order: order, from: tensor.type.rawValue, reason: nil))
  }

  /// Llama 3.1's scaling of the rotary frequencies, which GGUF keeps as a tensor of divisors.
  private mutating func addRopeFactors() throws {
    let name = "rope_freqs.weight"
    if checkpoint.tensors[name] != nil {
      guard options.destination == .gguf else {
        // Then config.json says it.
        guard try Llama3Scaling(checkpoint) == nil else { return }
        throw ConversionError.noArchitecture(
          file: checkpoint.path, found: "the rotary frequencies have factors (rope_freqs.weight)",
          target: "transformers",
          remedy:
            "The file does not say what they follow from: convert from the original folder, whose config.json says "
            + "rope_scaling.")
      }
      return try addVector(name, count: checkpoint.configuration.rotatedSize / 2)
    }
    guard options.destination == .gguf, let factors = checkpoint.configuration.llama3Factors else { return }
    tensors.append(
      PlannedTensor(
        source: name, name: name, shape: [factors.count], type: .f32, content: .values(factors), from: "rope_scaling",
        reason: "the llama3 scaling as factors"))
  }

  private func required(_ name: String) throws -> Tensor {
    guard let tensor = checkpoint.tensors[name] else {
      throw ModelError.missingTensor(
        file: checkpoint.path, tensor: name,
        hint: "The architecture '\(checkpoint.configuration.architecture)' needs it; the source is incomplete.")
    }
    return tensor
  }

  // MARK: the whole

  private func refuseContradictions() throws {
    guard !graph.hasSubNorms || checkpoint.configuration.declaresBitLinear || options.ternarizes else {
      throw ConversionError.contradiction(
        file: checkpoint.path, what: "the model does not declare itself a BitNet",
        found: "sub-norms, as BitNets have, and no quantization_config", expected: "both or neither",
        remedy:
          "The quantization_config was lost: run as a dense model it prints nonsense. Restore it, or say --ternarize.")
    }
    if let id = try checkpoint.blockDiffusionConfig()?.maskTokenID,
      !(0..<checkpoint.configuration.vocabularySize).contains(id)
    {
      throw ConversionError.contradiction(
        file: checkpoint.path, what: "mask_token_id in dlm_config.json", found: "\(id)",
        expected: "a row of the embedding, which has \(checkpoint.configuration.vocabularySize)",
        remedy: "The embedding was not resized for the mask token, or the config is another model's.")
    }
    guard case .huggingFace = checkpoint.source else { return }
    if let tokenizer = try checkpoint.tokenizer(),
      tokenizer.vocabularySize > checkpoint.configuration.vocabularySize
    {
      throw ConversionError.contradiction(
        file: checkpoint.path, what: "the vocabulary",
        found:
          "\(tokenizer.vocabularySize) tokens for \(checkpoint.configuration.vocabularySize) rows of the embedding",
        expected: "a row for every token",
        remedy: "A token was added (a mask token, say) without resizing the embedding: call resize_token_embeddings.")
    }
  }

  /// GGUF keeps as 32-bit floats what a `config.json` has as doubles.
  private func refuseUnwritableNumbers() throws {
    let configuration = checkpoint.configuration
    var numbers = [("rope_theta", configuration.ropeTheta)]
    switch configuration.ropeScaling {
    case .none: break
    case .linear(let factor): numbers.append(("rope_scaling.factor", factor))
    case .llama3: numbers += (configuration.llama3Factors ?? []).map { ("rope_scaling as factors", Double($0)) }
    }
    for (key, number) in numbers where !(Float(number) > 0 && Float(number).isFinite) {
      throw ModelError.invalidConfiguration(
        file: checkpoint.path, key: key, found: "\(number)", expected: "a number above 0 that a 32-bit float holds")
    }
  }

  private mutating func addWarnings() {
    warnings += checkpoint.configuration.notes
    if forcesTernary {
      warnings.append(
        "--ternarize: these are full-precision weights of a model that was never trained with BitLinear, as far as its "
          + "files tell. Rounded to -1, 0, +1 it will print nonsense, whatever the runtime (`bitnet diagnose` calls this "
          + "BN101). The file is good for measuring speed and for testing runtimes.")
    }
    if isBitNet, !checkpoint.configuration.declaresBitLinear, !options.ternarizes {
      warnings.append(
        "all linear layers hold ternary values, though the source does not declare itself a BitNet: the result does, and "
          + "is run with int8 activations")
    }
    if graph.hasSubNorms, graph.target == .bitnetCpp, !checkpoint.configuration.tiesEmbeddings,
      options.destination == .gguf
    {
      warnings.append(
        "the model has an output head of its own; bitnet.cpp's bitnet graphs ignore output.weight and use the token "
          + "embedding instead")
    }
  }
}

extension String {
  fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
