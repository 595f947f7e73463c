import Kernels
import ModelFormats
internal import Synchronization

/// The weights of a checkpoint in the forms that the quantization modes need. Modes of one model share what they can:
/// the trits are made once.
final class WeightStore: Sendable {
  let checkpoint: Checkpoint
  let compute: Compute
  /// Whether trits may be copied into a faster layout.
  let repacks: Bool
  /// Whether the head may get an int8 copy.
  let screensHead: Bool
  /// The kernels for products that were judged already.
  private let judged = Mutex<Set<String>>([])
  private let screenedHead = Mutex<ScreenedHead?>(nil)
  private let ternarized = Mutex<[String: Ternarization]>([:])

  init(checkpoint: Checkpoint, compute: Compute, repacks: Bool, screensHead: Bool) {
    self.repacks = repacks
    self.screensHead = screensHead && repacks
    self.checkpoint = checkpoint
    self.compute = compute
  }

  /// Builds the graph for a mode.
  ///
  /// - Throws: ``ModelError`` when tensors are missing, misshapen, or left over.
  func transformer(mode: QuantizationMode) throws -> Transformer {
    let configuration = checkpoint.configuration
    let hidden = configuration.hiddenSize
    let embedding = try encoded("token_embd.weight", shape: [configuration.vocabularySize, hidden])
    let hasOwnHead = !configuration.tiesEmbeddings
    let head =
      hasOwnHead ? try encoded("output.weight", shape: [configuration.vocabularySize, hidden]) : embedding
    try compute.judge(head, name: hasOwnHead ? "output" : "token_embd")
    try compute.judgeLayers(
      LayerSizes(
        hidden: hidden, intermediate: configuration.intermediateSize,
        headsPerGroup: configuration.heads / configuration.kvHeads, headSize: configuration.headSize,
        activation: configuration.activation))
    let layers = try (0..<configuration.layerCount).map { try layer($0, mode: mode) }
    let outputNorm = try checkpoint.vector("output_norm.weight", count: hidden)
    try checkpoint.refuseUnusedTensors()
    return Transformer(
      configuration: configuration, embedding: embedding, layers: layers, outputNorm: outputNorm, head: head,
      screenedHead: screensHead && ScreenedHead.supports(head) ? try screened(head) : nil,
      frequencies: try checkpoint.rotaryFrequencies(),
      compute: compute)
  }

  private func layer(_ index: Int, mode: QuantizationMode) throws -> Transformer.Layer {
    let configuration = checkpoint.configuration
    func norm(_ name: String, _ count: Int) throws -> FloatVector {
      try checkpoint.vector("blk.\(index).\(name).weight", count: count)
    }
    func optionalNorm(_ name: String, _ count: Int) throws -> FloatVector? {
      try checkpoint.optionalVector("blk.\(index).\(name).weight", count: count)
    }
    func linear(_ role: LinearRole) throws -> Linear { try self.linear(index, role, mode: mode) }
    let hidden = configuration.hiddenSize
    return Transformer.Layer(
      attentionNorm: try norm("attn_norm", hidden),
      query: try linear(.query), key: try linear(.key), value: try linear(.value),
      queryNorm: try optionalNorm("attn_q_norm", configuration.headSize),
      keyNorm: try optionalNorm("attn_k_norm", configuration.headSize),
      attentionSubNorm: try optionalNorm("attn_sub_norm", configuration.heads * configuration.headSize),
      output: try linear(.output),
      feedForwardNorm: try norm("ffn_norm", hidden),
      gate: try linear(.gate), up: try linear(.up),
      feedForwardSubNorm: try optionalNorm("ffn_sub_norm", configuration.intermediateSize),
      down: try linear(.down))
  }

  private func linear(_ layer: Int, _ role: LinearRole, mode: QuantizationMode) throws -> Linear {
    let name = "blk.\(layer).\(role.rawValue)"
    let shape = role.shape(in: checkpoint.configuration)
    let bias = try checkpoint.optionalVector(name + ".bias", count: shape[0])
    let stored = try checkpoint.linear(layer, role, compute: compute)
    let isDense = checkpoint.isExcludedFromQuantization("\(name).weight")
    let weights: Linear.Weights
    switch (mode, stored) {
    case (.none, .encoded(let matrix)): weights = .encoded(matrix)
    case (_, .encoded(let matrix)) where isDense: weights = .encoded(matrix)
    case (.none, .ternary(let matrix)), (.weightOnly, .ternary(let matrix)): weights = .ternary(matrix)
    case (.weightOnly, .encoded(let matrix)): weights = .ternary(try ternarization(of: matrix, name: name).matrix)
    case (.bitLinear, .ternary(let matrix)): weights = try bitLinear(matrix, name: name, layer: layer)
    case (.bitLinear, .encoded(let matrix)):
      weights = try bitLinear(ternarization(of: matrix, name: name).matrix, name: name, layer: layer)
    }
    switch weights {
    case .encoded(let matrix) where mustJudge(matrix.type.rawValue, layer: layer):
      try compute.judge(matrix, name: name)
    case .ternary(let matrix) where mustJudge("float input", layer: layer):
      try compute.judgeFloats(matrix, name: name)
    default: break
    }
    return Linear(weights: weights, bias: bias)
  }

  /// Trits in the layout that is fastest here.
  private func bitLinear(_ matrix: TernaryMatrix, name: String, layer: Int) throws -> Linear.Weights {
    guard repacks, compute.prefersInterleaved else {
      if mustJudge("packed", layer: layer) { try compute.judge(matrix, name: name) }
      return .bitLinear(matrix)
    }
    let interleaved = InterleavedMatrix(matrix, pool: compute.pool)
    if mustJudge("interleaved", layer: layer) { try compute.judge(interleaved, packed: matrix, name: name) }
    return .interleaved(interleaved)
  }

  /// Every kernel that the model uses is judged on the model's own first rows before it may speak: on all of the first
  /// layer, and where a later layer is the first to need it.
  private func mustJudge(_ kernel: String, layer: Int) -> Bool {
    judged.withLock { $0.insert(kernel).inserted } || layer == 0
  }

  private func ternarization(of matrix: EncodedMatrix, name: String) throws(ModelError) -> Ternarization {
    if let known = ternarized.withLock({ $0[name] }) { return known }
    let made = compute.ternarize(matrix)
    guard made.isFinite else {
      throw .invalidTensor(
        file: checkpoint.path, tensor: name + ".weight", problem: "holds weights that are infinite or not a number",
        remedy: "The file is damaged, or its training diverged: `bitnet diagnose` lists the tensors.")
    }
    // The trits have memory of their own now.
    matrix.release()
    ternarized.withLock { $0[name] = made }
    return made
  }

  private func screened(_ head: EncodedMatrix) throws(KernelError) -> ScreenedHead {
    try screenedHead.withLock { known throws(KernelError) in
      if let known { return known }
      let made = ScreenedHead(head, pool: compute.pool)
      try compute.judge(made, name: "the output head")
      known = made
      return made
    }
  }

  private func encoded(_ name: String, shape: [Int]) throws -> EncodedMatrix {
    switch try checkpoint.matrix(name, shape: shape, compute: compute) {
    case .encoded(let matrix): return matrix
    case .ternary:
      throw ModelError.invalidTensor(
        file: checkpoint.path, tensor: name, problem: "is ternary",
        remedy: "BitNet keeps the token embedding and the output head in higher precision: convert the model again.")
    }
  }
}
