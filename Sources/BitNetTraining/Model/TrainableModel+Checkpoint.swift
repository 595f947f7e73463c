package import BitNet
package import Kernels

/// What becomes of a model that training begins with.
package struct AdoptionOptions: Sendable {
  /// Whether its linear layers become BitLinears; those of a BitNet are in any case.
  package var convertsLinearLayers = true
  /// Whether norms with gains of one are put before the output and down projections of a model that has none (SubLN). That
  /// changes what the model computes at once.
  package var insertsSubNorms = false
  /// Layers that stay dense: `q_proj`, `attn_q`, `mlp.down_proj`, `layers.0`, or whole names. Embedding and head always do.
  package var excludedLayers: [String] = []
  /// Whether the model is only to be listened to: everything dense, and ternary weights as they are.
  package var isTeacher = false

  package init() {}
}

extension TrainableModel {
  /// A model with the weights of a checkpoint, dense or the latent ones of a BitNet; rows of queries and keys are brought into
  /// the order of rotary halves.
  ///
  /// - Throws: `ModelError` for a checkpoint whose weights are missing, left over, or ternary already, which cannot be trained.
  package convenience init(
    checkpoint: Checkpoint, options: AdoptionOptions = AdoptionOptions(), compute: Compute
  ) throws {
    let original = checkpoint.configuration
    let isBitNet = !options.isTeacher && (options.convertsLinearLayers || original.declaresBitLinear)
    let tensors = checkpoint.tensors
    let forms = (0..<original.layerCount).map { layer in
      let block = "blk.\(layer)."
      return LayerForm(
        hasBiases: { tensors[block + $0.rawValue + ".bias"] != nil },
        hasHeadNorms: tensors[block + "attn_q_norm.weight"] != nil,
        hasSubNorms: options.insertsSubNorms || tensors[block + "attn_sub_norm.weight"] != nil,
        isBitLinear: { role in
          isBitNet && !role.isNamed(by: options.excludedLayers, layer: layer)
            && !checkpoint.isExcludedFromQuantization("\(block)\(role.rawValue).weight")
        })
    }
    self.init(
      configuration: original.trained(asBitNet: isBitNet), forms: forms,
      frequencies: try checkpoint.rotaryFrequencies(),
      compute: compute)
    try checkpoint.refuseUnusedTensors()
    for parameter in parameters { try adopt(parameter, from: checkpoint, acceptsTernary: options.isTeacher) }
  }

  private func adopt(_ parameter: Parameter, from checkpoint: Checkpoint, acceptsTernary: Bool) throws {
    let values = parameter.values, name = parameter.name
    let isRotated = ["attn_q.", "attn_k."].contains { name.contains($0) }
    let order =
      isRotated && checkpoint.configuration.ropeLayout == .interleaved
      ? { checkpoint.configuration.interleavedRow(ofHalvesRow: $0) } : { $0 }
    if parameter.role == .norm || parameter.role == .bias {
      // Inserted norms keep their gains of one.
      if name.hasSuffix("sub_norm.weight"), checkpoint.tensors[name] == nil { return }
      let vector = try checkpoint.vector(name, count: values.columns).values
      for column in 0..<values.columns { values[row: 0][column] = vector[order(column)] }
      return
    }
    switch try checkpoint.matrix(name, shape: [values.rows, values.columns], compute: compute) {
    case .encoded(let matrix):
      compute.forEachRow(values.rows) { matrix.decode(row: order($0), into: values[row: $0]) }
    case .ternary(let matrix) where acceptsTernary:
      compute.forEachRow(values.rows) { row in
        for (column, value) in matrix.floats(row: order(row)).enumerated() { values[row: row][column] = value }
      }
    case .ternary:
      throw ModelError.invalidTensor(
        file: checkpoint.path, tensor: name, problem: "is ternary, without the latent weights that training changes",
        remedy: "Begin with the dense model or with a checkpoint of online BitNet weights.")
    }
  }
}

extension ModelConfiguration {
  /// Where GGUF's order for `llama`, with the two elements of a rotated pair side by side, keeps a row of queries or keys.
  fileprivate func interleavedRow(ofHalvesRow row: Int) -> Int {
    let head = row / headSize, element = row % headSize, half = rotatedSize / 2
    guard element < rotatedSize else { return row }
    return head * headSize + element % half * 2 + element / half
  }
}

extension LinearRole {
  /// The name of the module in Hugging Face's models.
  private var module: String {
    switch self {
    case .query: "self_attn.q_proj"
    case .key: "self_attn.k_proj"
    case .value: "self_attn.v_proj"
    case .output: "self_attn.o_proj"
    case .gate: "mlp.gate_proj"
    case .up: "mlp.up_proj"
    case .down: "mlp.down_proj"
    }
  }

  /// Whether one of some names means this layer: a name of its own, or a component of one, whole.
  fileprivate func isNamed(by names: [String], layer: Int) -> Bool {
    let own = [".blk.\(layer).\(rawValue).weight.", ".model.layers.\(layer).\(module).weight."]
    return names.contains { name in own.contains { $0.contains(".\(name).") } }
  }
}
