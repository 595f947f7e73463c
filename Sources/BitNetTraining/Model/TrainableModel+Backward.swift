import BitNet
package import Kernels
package import TrainingKernels

/// Gradients that enter a backward pass in the middle, by layer.
package struct InnerGradients {
  /// By the stream behind a block, `[rows, hiddenSize]`.
  package var hidden: [Int: FloatMatrix] = [:]
  /// By the states that attention sees in a block.
  package var states: [Int: AttentionStates] = [:]

  package init() {}

  /// The gradient by the stream behind a block, zeros at first.
  mutating func hidden(layer: Int, rows: Int, columns: Int) -> FloatMatrix {
    if let known = hidden[layer] { return known }
    let made = FloatMatrix(rows: rows, columns: columns)
    hidden[layer] = made
    return made
  }

  /// The gradients by the states of a block, zeros at first.
  mutating func states(layer: Int, rows: Int, like states: AttentionStates) -> AttentionStates {
    if let known = self.states[layer] { return known }
    let made = AttentionStates(
      queries: FloatMatrix(rows: rows, columns: states.queries.columns),
      keys: FloatMatrix(rows: rows, columns: states.keys.columns),
      values: FloatMatrix(rows: rows, columns: states.values.columns), headSize: states.headSize)
    self.states[layer] = made
    return made
  }
}

extension TrainableModel {
  /// Adds the gradients of all parameters of the blocks and of the embedding for the pass whose activations are kept, and uses
  /// these up.
  ///
  /// - Parameters:
  ///   - gradient: by the stream that `forward` returned, `[rows, hiddenSize]`; overwritten.
  ///   - inner: further gradients that enter on the way.
  ///   - onGradient: called with every parameter of the model once this pass adds nothing more to its gradient, always in
  ///     one order: processes that train together begin to add it up meanwhile.
  package func backward(
    _ gradient: FloatMatrix, inner: InnerGradients = InnerGradients(), onGradient: ((Parameter) -> Void)? = nil
  ) {
    guard let pass = current else { preconditionFailure("no pass whose activations were kept") }
    for (index, layer) in layers.enumerated().reversed() {
      if let extra = inner.hidden[index] { compute.add(extra, to: gradient, rows: pass.rows) }
      let kept = kept(index), columns = gradient.columns
      let input = scratch.matrix(.stream(index), rows: pass.rows, columns: columns)
      if checkpointsGradients {
        forward(layer, kept, pass, from: input, into: scratch.matrix(.recomputed, rows: pass.rows, columns: columns))
      }
      feedForwardBackward(layer, kept, gradient, rows: pass.rows)
      attentionBackward(layer, kept, input, gradient, pass, inner: inner.states[index])
      if let onGradient { layer.parameters.forEach(onGradient) }
    }
    compute.scatterAdd(gradient, to: pass.pass.tokens, of: embedding.gradient)
    if let onGradient { parametersOutsideBlocks.forEach(onGradient) }
    current = nil
  }

  private func feedForwardBackward(
    _ layer: TrainableLayer, _ kept: LayerActivations, _ gradient: FloatMatrix, rows: Int
  ) {
    let epsilon = configuration.normEpsilon
    let (output, gated) = gatedOutput(layer, kept, rows: rows)
    var inner = scratch.matrix(.innerGradient, rows: rows, columns: gated.columns)
    applyBackward([(layer.down, gradient)], input: output, rows: rows, into: inner)
    if let norm = layer.feedForwardSubNorm {
      // The normed product is not needed any more.
      compute.zero(output, rows: rows)
      compute.normalizeBackward(
        gated, gains: norm.values, epsilon: epsilon, gradient: inner, rows: rows, into: output,
        gainGradient: norm.gradient)
      inner = output
    }
    compute.gatedBackward(kept.gate, kept.up, activation: configuration.activation, gradient: inner, rows: rows)
    projectBackward(
      [(layer.gate, kept.gate), (layer.up, kept.up)], norm: layer.feedForwardNorm, stream: kept.middle, gradient, rows)
  }

  private func attentionBackward(
    _ layer: TrainableLayer, _ kept: LayerActivations, _ input: FloatMatrix, _ gradient: FloatMatrix,
    _ pass: PreparedPass, inner: AttentionStates?
  ) {
    let rows = pass.rows, epsilon = configuration.normEpsilon
    let output = attentionOutput(layer, kept, rows: rows)
    var attended = scratch.matrix(.innerGradient, rows: rows, columns: kept.attended.columns)
    applyBackward([(layer.output, gradient)], input: output, rows: rows, into: attended)
    if let norm = layer.attentionSubNorm {
      compute.zero(output, rows: rows)
      compute.normalizeBackward(
        kept.attended, gains: norm.values, epsilon: epsilon, gradient: attended, rows: rows, into: output,
        gainGradient: norm.gradient)
      attended = output
    }
    let gradients = AttentionStates(
      queries: scratch.matrix(.queryGradient, rows: rows, columns: kept.queries.columns),
      keys: scratch.matrix(.keyGradient, rows: rows, columns: kept.keys.columns),
      values: scratch.matrix(.valueGradient, rows: rows, columns: kept.values.columns),
      headSize: configuration.headSize)
    compute.attendBackward(
      states(kept), pass.plan, scratch: pass.scratch, gradient: attended, rows: rows, into: gradients)
    if let inner {
      compute.add(inner.queries, to: gradients.queries, rows: rows)
      compute.add(inner.keys, to: gradients.keys, rows: rows)
      compute.add(inner.values, to: gradients.values, rows: rows)
    }
    let queries = rotateBackward(
      gradients.queries, norm: layer.queryNorm, raw: kept.rawQueries, .rawQueryGradient, pass)
    let keys = rotateBackward(gradients.keys, norm: layer.keyNorm, raw: kept.rawKeys, .rawKeyGradient, pass)
    projectBackward(
      [(layer.query, queries), (layer.key, keys), (layer.value, gradients.values)], norm: layer.attentionNorm,
      stream: input, gradient, rows)
  }

  /// The gradient by queries or keys as they were before rotation and norm.
  private func rotateBackward(
    _ gradient: FloatMatrix, norm: Parameter?, raw: FloatMatrix?, _ use: ScratchMemory.Use, _ pass: PreparedPass
  ) -> FloatMatrix {
    compute.rotate(
      gradient, rows: pass.rows, headSize: configuration.headSize, cosines: pass.cosines, sines: pass.inverseSines,
      layout: .halves)
    guard let norm, let raw else { return gradient }
    let result = scratch.matrix(use, rows: pass.rows, columns: gradient.columns)
    compute.zero(result, rows: pass.rows)
    compute.normalizeBackward(
      raw, gains: norm.values, epsilon: configuration.normEpsilon, gradient: gradient, rows: pass.rows, into: result,
      gainGradient: norm.gradient)
    return result
  }

  /// Through the projections that read the stream, and the norm before them; what comes out joins the stream's gradient.
  private func projectBackward(
    _ layers: [(layer: TrainableLinear, gradient: FloatMatrix)], norm: Parameter, stream: FloatMatrix,
    _ gradient: FloatMatrix, _ rows: Int
  ) {
    let normalized = scratch.matrix(.normalized, rows: rows, columns: stream.columns)
    let inputGradient = scratch.matrix(.inputGradient, rows: rows, columns: stream.columns)
    compute.normalize(
      stream, gains: norm.values, epsilon: configuration.normEpsilon, rows: rows, into: normalized)
    applyBackward(layers, input: normalized, rows: rows, into: inputGradient)
    compute.normalizeBackward(
      stream, gains: norm.values, epsilon: configuration.normEpsilon, gradient: inputGradient, rows: rows,
      into: gradient, gainGradient: norm.gradient)
  }
}
