import CKernels

/// The sizes of a model's layers, for judging what they compute beside products.
package struct LayerSizes: Sendable {
  /// Inputs and outputs of a layer.
  package var hidden: Int
  /// The width of the feed-forward network.
  package var intermediate: Int
  /// Query heads that share a key-value head.
  package var headsPerGroup: Int
  /// The width of a head.
  package var headSize: Int
  /// The nonlinearity of the feed-forward network.
  package var activation: GateActivation

  package init(hidden: Int, intermediate: Int, headsPerGroup: Int, headSize: Int, activation: GateActivation) {
    self.hidden = hidden
    self.intermediate = intermediate
    self.headsPerGroup = headsPerGroup
    self.headSize = headSize
    self.activation = activation
  }
}

extension Compute {
  /// Judges norms, sums, quantization, gates and attention at the sizes of a model.
  ///
  /// - Throws: `KernelError.wrongResult` if any bit differs from the scalar specification's.
  package func judgeLayers(_ sizes: LayerSizes) throws(KernelError) {
    let input = Compute.testActivations(rows: 2, columns: sizes.hidden)
    // Not the ones that would hide a kernel without gains.
    let gains = FloatVector((0..<sizes.hidden).map { 1 + Float($0 % 7) / 8 })
    try judge("RMS norm", name: "blk.0.attn_norm", tokens: 2, columns: sizes.hidden) { compute, tokens, output in
      compute.rmsNorm(input, weight: gains, epsilon: 1e-5, rows: tokens, into: output)
    }
    try judge("sum of activations", name: "blk.0", tokens: 2, columns: sizes.hidden) { compute, tokens, output in
      for token in 0..<tokens { output.copyRow(1 - token, of: input, to: token) }
      compute.add(input, to: output, rows: tokens)
    }
    // The integers of a row and behind them its scale and their sum.
    try judge("int8 quantization", name: "blk.0", tokens: 2, columns: sizes.hidden + 2) { compute, tokens, output in
      let quantized = QuantizedRows(capacity: tokens, columns: sizes.hidden)
      compute.quantize(input, rows: tokens, into: quantized)
      for token in 0..<tokens {
        let row = output[row: token]
        for (column, integer) in quantized.integers(row: token).enumerated() { row[column] = Float(integer) }
        row[sizes.hidden] = quantized.scale(row: token)
        row[sizes.hidden + 1] = Float(quantized.sums[token])
      }
    }
    try judgeGate(sizes)
    for precision in CacheShape.Precision.allCases { try judgeAttention(sizes, precision: precision) }
  }

  private func judgeGate(_ sizes: LayerSizes) throws(KernelError) {
    let input = Compute.testActivations(rows: 2, columns: sizes.intermediate)
    // Gates of up to 8: beyond, every sigmoid is 0 or 1.
    for i in 0..<sizes.intermediate { input[row: 1][i] /= 16 }
    try judge("gate activation", name: "blk.0.ffn_gate", tokens: 1, columns: sizes.intermediate) { compute, _, output in
      output.copyRow(1, of: input, to: 0)
      compute.gate(output, with: input, activation: sizes.activation, rows: 1)
    }
  }

  /// One group of heads, one token before the end of a stretch of positions and two behind it.
  private func judgeAttention(_ sizes: LayerSizes, precision: CacheShape.Precision) throws(KernelError) {
    let tokens = 3, start = Int(CK_STRETCH) - 1, positions = start + tokens
    let width = sizes.headsPerGroup * sizes.headSize
    let stored = Compute.testActivations(rows: positions, columns: sizes.headSize)
    let queries = Compute.testActivations(rows: tokens, columns: width)
    // Scores of about 1; larger ones would leave one position with all the weight.
    for row in 0..<positions { for i in 0..<sizes.headSize { stored[row: row][i] /= row == 0 ? 1024 : 127 } }
    for row in 0..<tokens { for i in 0..<width { queries[row: row][i] /= 127 } }
    // The largest score of a query lies in the second stretch, those of most others in the first.
    for i in 0..<sizes.headSize { stored[row: start + 1][i] = 2 * queries[row: 1][i] }
    let shape = CacheShape(layers: 1, heads: 1, headSize: sizes.headSize, precision: precision)
    let kernel = "\(precision.rawValue) attention"
    try judge(kernel, name: "blk.0.attn_q", tokens: tokens, columns: width) { compute, tokens, output in
      let pages = (0..<(positions + CachePage.positions - 1) / CachePage.positions).map { _ in CachePage(shape: shape) }
      let all = CacheSpan(rows: 0..<positions, start: 0, pages: pages)
      compute.store(keys: stored, values: stored, layer: 0, spans: [all])
      let span = CacheSpan(rows: 0..<tokens, start: start, pages: pages)
      compute.attend(queries, layer: 0, spans: [span], into: output)
    }
  }
}
