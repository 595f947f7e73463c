import ModelFormats

extension Checkpoint {
  /// A tensor left out silently (a sub-norm under another name, say) turns the output into garbage.
  ///
  /// - Throws: ``ModelError/unusedTensors(file:tensors:)``.
  package func refuseUnusedTensors() throws {
    var known: Set = ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"]
    let norms = ["attn_norm", "attn_q_norm", "attn_k_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm"]
    for layer in 0..<configuration.layerCount {
      for norm in norms { known.insert("blk.\(layer).\(norm).weight") }
      for role in LinearRole.allCases {
        for part in ["weight", "bias", "scale"] { known.insert("blk.\(layer).\(role.rawValue).\(part)") }
      }
    }
    let unused = tensors.keys.filter { !known.contains($0) }.sorted()
    guard unused.isEmpty else {
      throw ModelError.unusedTensors(file: path, tensors: unused.map { tensors[$0]?.name ?? $0 })
    }
  }
}
