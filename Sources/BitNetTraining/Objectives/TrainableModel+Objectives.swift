import BitNet
import Kernels
import TrainingKernels

/// An objective with its part in a step.
package struct WeightedObjective {
  package let objective: any Objective
  /// What its mean loss is multiplied by; at 0 or less it is not evaluated.
  package let weight: Double
  /// The supervised tokens of the whole step, over all micro-batches and ranks: what the mean is taken over.
  package let total: Int

  package init(_ objective: any Objective, weight: Double, total: Int) {
    self.objective = objective
    self.weight = weight
    self.total = total
  }
}

extension TrainableModel {
  /// Adds the gradients of `sum of weight * loss sum / total` for one micro-batch.
  ///
  /// - Parameters:
  ///   - random: of this step and micro-batch.
  ///   - onGradient: as for `backward`, of the last pass.
  /// - Returns: what each objective with a weight above 0 came to, in order.
  @discardableResult
  package func accumulate(
    _ objectives: [WeightedObjective], batch: TokenBatch, random: TrainingRandom,
    onGradient: ((Parameter) -> Void)? = nil
  ) -> [(name: String, result: ObjectiveResult)] {
    run(objectives, batch: batch, random: random, withGradients: true, onGradient: onGradient)
  }

  /// The losses of objectives on a batch, without gradients and without keeping activations.
  package func evaluate(
    _ objectives: [any Objective], batch: TokenBatch, random: TrainingRandom
  ) -> [(name: String, result: ObjectiveResult)] {
    run(
      objectives.map { WeightedObjective($0, weight: 1, total: 1) }, batch: batch, random: random,
      withGradients: false)
  }

  private func run(
    _ objectives: [WeightedObjective], batch: TokenBatch, random: TrainingRandom, withGradients: Bool,
    onGradient: ((Parameter) -> Void)? = nil
  ) -> [(name: String, result: ObjectiveResult)] {
    let active = objectives.filter { $0.weight > 0 && $0.total > 0 }
    var results = active.map { (name: $0.objective.name, result: ObjectiveResult()) }
    var views: [PassView] = []
    for view in active.map(\.objective.view) where !views.contains(view) { views.append(view) }
    for view in views {
      let members = active.indices.filter { active[$0].objective.view == view }
      let losses = run(
        members.map { active[$0] }, on: view.pass(batch, random: random), withGradients: withGradients,
        onGradient: view == views.last ? onGradient : nil)
      for (index, loss) in zip(members, losses) {
        results[index].result = ObjectiveResult(
          lossSum: loss, count: active[index].objective.supervisedCount(batch, random: random))
      }
    }
    return results
  }

  /// One forward and one backward pass for objectives that share a view.
  private func run(
    _ objectives: [WeightedObjective], on pass: TrainingPass, withGradients: Bool, onGradient: ((Parameter) -> Void)?
  ) -> [Double] {
    // Documents of one token give block diffusion nothing.
    guard !pass.tokens.isEmpty else { return objectives.map { _ in 0 } }
    let readsStates = objectives.contains { !$0.objective.readsLogits }
    let compute = compute
    let hidden = forward(pass, keepsActivations: withGradients || readsStates) { layer, _, states in
      for objective in objectives {
        objective.objective.observe(layer: layer, states: states, rows: pass.tokens.count, on: compute)
      }
    }
    for objective in objectives { objective.objective.prepare(pass) }
    let weights = objectives.map { Float($0.weight / Double($0.total)) }
    var losses = objectives.map { _ in 0.0 }
    var gradient: FloatMatrix?
    if withGradients {
      let zeros = scratch.matrix(.streamGradient, rows: pass.tokens.count, columns: configuration.hiddenSize)
      compute.zero(zeros, rows: pass.tokens.count)
      gradient = zeros
    }
    let readers = objectives.indices.filter { objectives[$0].objective.readsLogits }
    if !readers.isEmpty {
      applyHead(to: pass.targets.map(\.row), of: hidden, gradient: gradient) { range, logits, logitGradient in
        for (place, index) in readers.enumerated() {
          losses[index] += objectives[index].objective.logitLoss(
            pass, range, logits: logits, weight: weights[index], gradient: logitGradient, accumulates: place > 0,
            on: compute)
        }
      }
    }
    var inner = InnerGradients()
    for index in objectives.indices where !objectives[index].objective.readsLogits {
      losses[index] += objectives[index].objective.stateLoss(
        pass, model: self, weight: withGradients ? weights[index] : 0, gradients: &inner)
    }
    if let gradient { backward(gradient, inner: inner, onGradient: onGradient) } else { current = nil }
    return losses
  }
}
