import BitNet
package import Kernels
package import TrainingKernels

extension TrainableModel {
  /// Runs a pass through all blocks.
  ///
  /// - Parameters:
  ///   - keepsActivations: for `backward`, until the next pass.
  ///   - observe: called after each block with its number, the residual stream behind it, `[rows, hiddenSize]`, and the
  ///     states that its attention saw.
  /// - Returns: the residual stream after the last block, before the output norm; valid until the next pass.
  @discardableResult
  package func forward(
    _ pass: TrainingPass, keepsActivations: Bool = true,
    observe: ((_ layer: Int, _ hidden: FloatMatrix, _ states: AttentionStates) -> Void)? = nil
  ) -> FloatMatrix {
    let prepared = PreparedPass(pass, model: self)
    current = keepsActivations ? prepared : nil
    let streams = prepareActivations(rows: prepared.rows, keepsActivations: keepsActivations)
    embed(pass.tokens, into: streams[0])
    for (index, layer) in layers.enumerated() {
      forward(layer, kept(index), prepared, from: streams[index], into: streams[index + 1])
      observe?(index, streams[index + 1], states(kept(index)))
    }
    return streams[layers.count]
  }

  /// The residual stream behind a block, as the last pass left it if it kept its activations.
  package func stream(after layer: Int, rows: Int) -> FloatMatrix {
    scratch.matrix(.stream(layer + 1), rows: rows, columns: configuration.hiddenSize)
  }

  /// The streams between blocks, all of them where they are kept; and the memory for what the blocks keep.
  private func prepareActivations(rows: Int, keepsActivations: Bool) -> [FloatMatrix] {
    let streams = (0...layers.count).map {
      scratch.matrix(.stream(keepsActivations ? $0 : $0 % 2), rows: rows, columns: configuration.hiddenSize)
    }
    let keepsAll = keepsActivations && !checkpointsGradients
    // Passes that keep nothing use what is there.
    let fits = activations.count == (keepsAll ? layers.count : max(1, activations.count)) && activations[0].rows >= rows
    if !fits {
      activations = []
      activations = (0..<(keepsAll ? layers.count : 1)).map { _ in
        LayerActivations(rows: rows, shape: activationShape)
      }
    }
    return streams
  }

  /// What block `index` keeps: blocks that are computed again share one memory.
  func kept(_ index: Int) -> LayerActivations { activations[activations.count == 1 ? 0 : index] }

  private func embed(_ tokens: [Int], into stream: FloatMatrix) {
    precondition(tokens.allSatisfy { (0..<configuration.vocabularySize).contains($0) }, "unknown tokens")
    compute.gather(tokens, of: embedding.values, into: stream)
  }

  func states(_ kept: LayerActivations) -> AttentionStates {
    AttentionStates(
      queries: kept.queries, keys: kept.keys, values: kept.values, headSize: configuration.headSize)
  }

  /// One block: fills what is kept of it, and writes the stream behind it.
  func forward(
    _ layer: TrainableLayer, _ kept: LayerActivations, _ pass: PreparedPass, from input: FloatMatrix,
    into output: FloatMatrix
  ) {
    let rows = pass.rows, epsilon = configuration.normEpsilon, hidden = configuration.hiddenSize
    let normalized = scratch.matrix(.normalized, rows: rows, columns: hidden)
    compute.normalize(input, gains: layer.attentionNorm.values, epsilon: epsilon, rows: rows, into: normalized)
    project(layer, kept, normalized, pass)
    compute.attend(states(kept), pass.plan, scratch: pass.scratch, into: kept.attended)
    let delta = scratch.matrix(.delta, rows: rows, columns: hidden)
    apply([(layer.output, delta)], to: attentionOutput(layer, kept, rows: rows), rows: rows)
    compute.copy(input, rows: rows, to: kept.middle)
    compute.add(delta, to: kept.middle, rows: rows)

    compute.normalize(kept.middle, gains: layer.feedForwardNorm.values, epsilon: epsilon, rows: rows, into: normalized)
    apply([(layer.gate, kept.gate), (layer.up, kept.up)], to: normalized, rows: rows)
    apply([(layer.down, delta)], to: gatedOutput(layer, kept, rows: rows).output, rows: rows)
    compute.copy(kept.middle, rows: rows, to: output)
    compute.add(delta, to: output, rows: rows)
  }

  /// Queries, keys and values, normed and rotated.
  private func project(
    _ layer: TrainableLayer, _ kept: LayerActivations, _ input: FloatMatrix, _ pass: PreparedPass
  ) {
    let rows = pass.rows
    apply(
      [
        (layer.query, kept.rawQueries ?? kept.queries), (layer.key, kept.rawKeys ?? kept.keys),
        (layer.value, kept.values),
      ], to: input, rows: rows)
    for (norm, raw, target) in [
      (layer.queryNorm, kept.rawQueries, kept.queries), (layer.keyNorm, kept.rawKeys, kept.keys),
    ] {
      guard let raw else { continue }
      if let norm {
        compute.normalize(raw, gains: norm.values, epsilon: configuration.normEpsilon, rows: rows, into: target)
      } else {
        compute.copy(raw, rows: rows, to: target)
      }
    }
    for matrix in [kept.queries, kept.keys] {
      compute.rotate(
        matrix, rows: rows, headSize: configuration.headSize, cosines: pass.cosines, sines: pass.sines, layout: .halves)
    }
  }

  /// The input of the output projection.
  func attentionOutput(_ layer: TrainableLayer, _ kept: LayerActivations, rows: Int) -> FloatMatrix {
    guard let norm = layer.attentionSubNorm else { return kept.attended }
    let output = scratch.matrix(.gated, rows: rows, columns: kept.attended.columns)
    compute.normalize(kept.attended, gains: norm.values, epsilon: configuration.normEpsilon, rows: rows, into: output)
    return output
  }

  /// The input of the down projection, and the gated product before its norm.
  func gatedOutput(
    _ layer: TrainableLayer, _ kept: LayerActivations, rows: Int
  ) -> (output: FloatMatrix, gated: FloatMatrix) {
    let gated = scratch.matrix(.gated, rows: rows, columns: kept.gate.columns)
    compute.gated(kept.gate, kept.up, activation: configuration.activation, rows: rows, into: gated)
    guard let norm = layer.feedForwardSubNorm else { return (gated, gated) }
    let output = scratch.matrix(.innerNormalized, rows: rows, columns: gated.columns)
    compute.normalize(gated, gains: norm.values, epsilon: configuration.normEpsilon, rows: rows, into: output)
    return (output, gated)
  }
}
