package import BitNet
package import Kernels
import TrainingKernels

/// A model that another one learns from. Objectives that share a teacher share what it computes for a pass.
package final class Teacher {
  let model: TrainableModel
  /// The blocks whose attention states are kept.
  private var attentionLayers: Set<Int> = []
  private var keepsStreams = false
  private var last: TrainingPass?
  private(set) var hidden: FloatMatrix
  private(set) var streams: [Int: FloatMatrix] = [:]
  private(set) var states: [Int: AttentionStates] = [:]

  /// Listens to a model, in full precision unless its `lambda` says otherwise; nothing else may run passes on it.
  package init(_ model: TrainableModel) {
    self.model = model
    hidden = FloatMatrix(rows: 0, columns: model.configuration.hiddenSize)
    model.prepareStep()
  }

  /// A teacher from a checkpoint, dense or ternary, in full precision.
  ///
  /// - Throws: `ModelError` for a checkpoint that cannot be loaded.
  package convenience init(checkpoint: Checkpoint, compute: Compute) throws {
    var options = AdoptionOptions()
    options.isTeacher = true
    let model = try TrainableModel(checkpoint: checkpoint, options: options, compute: compute)
    model.lambda = 0
    self.init(model)
  }

  func keepStates(layer: Int) {
    attentionLayers.insert(layer)
    // A pass that ran before did not keep them.
    last = nil
  }

  func keepStreams() {
    keepsStreams = true
    last = nil
  }

  /// Runs a pass, unless it is the one that was run last.
  func run(_ pass: TrainingPass) {
    if let last, last.tokens == pass.tokens, last.positions == pass.positions, last.groups == pass.groups { return }
    last = pass
    streams = [:]
    states = [:]
    hidden = model.forward(pass, keepsActivations: false) { layer, stream, states in
      self.keep(layer, stream, states, rows: pass.tokens.count)
    }
  }

  private func keep(_ layer: Int, _ stream: FloatMatrix, _ states: AttentionStates, rows: Int) {
    if keepsStreams { streams[layer] = copy(stream, rows: rows) }
    if attentionLayers.contains(layer) { self.states[layer] = copy(states, rows: rows) }
  }

  private func copy(_ matrix: FloatMatrix, rows: Int) -> FloatMatrix {
    let result = FloatMatrix(rows: rows, columns: matrix.columns)
    model.compute.copy(matrix, rows: rows, to: result)
    return result
  }

  private func copy(_ states: AttentionStates, rows: Int) -> AttentionStates {
    AttentionStates(
      queries: copy(states.queries, rows: rows), keys: copy(states.keys, rows: rows),
      values: copy(states.values, rows: rows), headSize: states.headSize)
  }
}
