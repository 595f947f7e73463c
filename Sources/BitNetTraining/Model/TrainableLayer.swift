import BitNet
package import Kernels

/// A linear layer, its bias, and the trits of its current weights where it is a BitLinear.
package final class TrainableLinear {
  package let weight: Parameter
  package let bias: Parameter?
  /// As of the last `prepareStep`; `nil` for dense layers, and as long as nothing is quantized.
  package internal(set) var ternary: TernaryMatrix?

  init(weight: Parameter, bias: Parameter?) {
    self.weight = weight
    self.bias = bias
  }
}

/// The parameters of one transformer block.
package struct TrainableLayer {
  package let attentionNorm: Parameter
  package let query: TrainableLinear
  package let key: TrainableLinear
  package let value: TrainableLinear
  package let queryNorm: Parameter?
  package let keyNorm: Parameter?
  package let attentionSubNorm: Parameter?
  package let output: TrainableLinear
  package let feedForwardNorm: Parameter
  package let gate: TrainableLinear
  package let up: TrainableLinear
  package let feedForwardSubNorm: Parameter?
  package let down: TrainableLinear

  var linears: [TrainableLinear] { [query, key, value, output, gate, up, down] }

  /// In the order of a model's parameters.
  var parameters: [Parameter] {
    let norms = [queryNorm, keyNorm, attentionSubNorm].compactMap { $0 }
    let attention = [query, key, value].flatMap { [$0.weight, $0.bias].compactMap { $0 } }
    let feedForward = [gate.weight, up.weight] + [feedForwardSubNorm].compactMap { $0 } + [down.weight]
    return [attentionNorm] + attention + norms + [output.weight, feedForwardNorm] + feedForward
  }
}

/// What a block has besides its matrices and the two norms that every block has.
struct LayerForm {
  var hasBiases: (LinearRole) -> Bool
  var hasHeadNorms: Bool
  var hasSubNorms: Bool
  /// Whether a matrix is ternarized.
  var isBitLinear: (LinearRole) -> Bool
}

extension TrainableLayer {
  /// A block with matrices of zeros and gains of one.
  init(_ index: Int, _ form: LayerForm, _ configuration: ModelConfiguration) {
    let block = "blk.\(index)."
    func norm(_ name: String, _ count: Int) -> Parameter { Parameter(gains: block + name + ".weight", count: count) }
    func linear(_ role: LinearRole) -> TrainableLinear {
      let shape = role.shape(in: configuration), name = block + role.rawValue
      return TrainableLinear(
        weight: Parameter(
          name: name + ".weight", role: form.isBitLinear(role) ? .bitLinear : .linear, rows: shape[0], columns: shape[1]
        ),
        bias: form.hasBiases(role) ? Parameter(name: name + ".bias", role: .bias, rows: 1, columns: shape[0]) : nil)
    }
    attentionNorm = norm("attn_norm", configuration.hiddenSize)
    query = linear(.query)
    key = linear(.key)
    value = linear(.value)
    queryNorm = form.hasHeadNorms ? norm("attn_q_norm", configuration.headSize) : nil
    keyNorm = form.hasHeadNorms ? norm("attn_k_norm", configuration.headSize) : nil
    attentionSubNorm = form.hasSubNorms ? norm("attn_sub_norm", configuration.heads * configuration.headSize) : nil
    output = linear(.output)
    feedForwardNorm = norm("ffn_norm", configuration.hiddenSize)
    gate = linear(.gate)
    up = linear(.up)
    feedForwardSubNorm = form.hasSubNorms ? norm("ffn_sub_norm", configuration.intermediateSize) : nil
    down = linear(.down)
  }
}

extension Parameter {
  /// The gains of a norm, all one.
  convenience init(gains name: String, count: Int) {
    self.init(name: name, role: .norm, rows: 1, columns: count)
    for column in 0..<count { values[row: 0][column] = 1 }
  }
}
