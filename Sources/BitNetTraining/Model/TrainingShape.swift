package import BitNet
package import Kernels

/// The shape of a model that training begins from nothing.
package struct TrainingShape: Sendable {
  /// Rows of the token embedding.
  package var vocabularySize: Int
  /// The width of the residual stream.
  package var hiddenSize: Int
  /// The width inside the feed-forward network.
  package var intermediateSize: Int
  /// The number of transformer blocks.
  package var layerCount: Int
  /// The number of query heads.
  package var heads: Int
  /// The number of key-value heads, a divisor of the query heads.
  package var kvHeads: Int
  /// The width of one head; even.
  package var headSize: Int
  /// The longest context, in tokens.
  package var contextLength = 2048
  /// Added to the mean square in every RMSNorm.
  package var normEpsilon: Float = 1e-5
  /// The base of the rotary frequencies.
  package var ropeTheta = 10_000.0
  /// Whether the head is the token embedding.
  package var tiesEmbeddings = true
  /// The nonlinearity of the feed-forward network.
  package var activation = GateActivation.squaredReLU
  /// Whether the inputs of the output and down projections are normed (SubLN).
  package var hasSubNorms = true
  /// Whether every head of queries and keys is normed (Qwen3).
  package var hasHeadNorms = false
  /// Whether queries, keys and values have biases (Qwen2).
  package var hasBiases = false
  /// Whether the linear layers of the blocks are ternarized.
  package var isBitNet = true

  package init(
    vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int, heads: Int, kvHeads: Int,
    headSize: Int? = nil
  ) {
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layerCount = layerCount
    self.heads = heads
    self.kvHeads = kvHeads
    self.headSize = headSize ?? hiddenSize / max(1, heads)
  }
}

extension TrainingShape {
  /// The configuration of a model of this shape.
  ///
  /// - Throws: `ModelError` for a shape that no model can have.
  package func configuration() throws(ModelError) -> ModelConfiguration {
    try ModelConfiguration(
      architecture: isBitNet ? "BitNetForCausalLM" : "LlamaForCausalLM", vocabularySize: vocabularySize,
      hiddenSize: hiddenSize, intermediateSize: intermediateSize, layerCount: layerCount, heads: heads,
      kvHeads: kvHeads,
      headSize: headSize, contextLength: contextLength, normEpsilon: normEpsilon, ropeTheta: ropeTheta,
      tiesEmbeddings: tiesEmbeddings, declaresBitLinear: isBitNet, activation: activation)
  }
}
