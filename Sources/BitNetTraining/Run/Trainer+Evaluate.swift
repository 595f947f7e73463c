import Foundation
import TrainingKernels

extension Trainer {
  /// The objectives whose losses are mean log-likelihoods of tokens.
  private static let likelihoods: Set<String> = ["continue_pretrain", "dlm"]

  /// Measures every objective that has a weight on the held-out batches.
  ///
  /// - Returns: whether the loss is the lowest so far: that of the next token, or the weighted sum where it is not trained.
  func evaluate(after result: StepResult, onEvent: (TrainingEvent) -> Void) throws -> Bool {
    let random = TrainingRandom(seed: configuration.run.seed)
    let active = parts.objectives.filter { result.weights[$0.name, default: 0] > 0 }
    // The step that was just done changed the weights.
    parts.model.prepareStep()
    var sums: [String: ObjectiveResult] = [:]
    for (index, batch) in parts.data.validation.enumerated() where index % communicator.size == communicator.rank {
      onEvent(.evaluating(done: index, count: parts.data.validation.count))
      for (name, measured) in parts.model.evaluate(active, batch: batch, random: random.child(.validation, index)) {
        sums[name, default: ObjectiveResult()] += measured
      }
    }
    let results = active.map { sums[$0.name, default: ObjectiveResult()] }
    let totals = communicator.sum(results.flatMap { [$0.lossSum, Double($0.count)] })
    var losses: [String: Double] = [:], perplexities: [String: Double] = [:]
    for (number, objective) in active.enumerated() where totals[2 * number + 1] > 0 {
      let loss = totals[2 * number] / totals[2 * number + 1]
      losses[objective.name] = loss
      if Trainer.likelihoods.contains(objective.name) { perplexities[objective.name] = exp(loss) }
    }
    let loss = losses.sorted { $0.key < $1.key }.reduce(0) { $0 + result.weights[$1.key, default: 0] * $1.value }
    lastEvaluation = losses
    // A curriculum changes the weights, so that the sum of one phase says nothing beside that of another.
    let isBest = note(evaluation: losses["continue_pretrain"] ?? loss)
    try write(
      TrainingLogLine(
        kind: .eval, step: state.globalStep, loss: loss, losses: losses, perplexities: perplexities,
        weights: result.weights, phase: result.phase, learningRate: result.learningRate, lambda: result.lambda,
        tokens: state.tokensSeen, seconds: state.seconds), onEvent: onEvent)
    return isBest
  }

  private func note(evaluation loss: Double) -> Bool {
    state.evaluations += 1
    state.note(.init(step: state.globalStep, evalLoss: loss))
    let best = state.bestEvalLoss ?? .infinity
    // A little better is better, but no reason to go on.
    let isGain = loss < best - configuration.earlyStopping.minimumDelta
    state.evaluationsWithoutGain = isGain || state.bestEvalLoss == nil ? 0 : state.evaluationsWithoutGain + 1
    guard loss < best else { return false }
    state.bestEvalLoss = loss
    state.bestStep = state.globalStep
    return true
  }
}
