import Kernels
import TrainingKernels

/// What a step did.
struct StepResult {
  /// The weighted sum of the losses.
  var loss: Double
  /// The mean loss of each objective over the tokens that it predicts, of all processes.
  var losses: [String: Double]
  var weights: [String: Double]
  var phase: String
  var learningRate: Double
  var lambda: Double
  /// The length of the whole gradient before it was clipped.
  var gradientNorm: Double

  func line(state: CheckpointState, tokensPerSecond: Double?) -> TrainingLogLine {
    TrainingLogLine(
      kind: .train, step: state.globalStep, loss: loss, losses: losses, weights: weights, phase: phase,
      learningRate: learningRate, lambda: lambda, gradientNorm: gradientNorm, tokens: state.tokensSeen,
      tokensPerSecond: tokensPerSecond, seconds: state.seconds)
  }
}

extension Trainer {
  /// One optimizer step over all micro-batches, this process' share of them.
  func step(onEvent: (TrainingEvent) -> Void) throws -> StepResult {
    let index = state.globalStep
    let progress = Double(index) / Double(plan.steps)
    let names = Set(parts.objectives.map(\.name))
    let weights = parts.curriculum.weights(progress: progress).filter { names.contains($0.key) }
    let phase = parts.curriculum.phase(progress: progress).name
    let model = parts.model
    model.lambda = parts.lambda.value(step: index)
    model.prepareStep()
    model.zeroGradients()
    let batches = try parts.data.next(
      configuration.gradientAccumulationSteps, mixture: parts.curriculum.mixture(progress: progress))
    let losses = try accumulate(batches, weights: weights, step: index)
    if index == 0 { onEvent(.checked(try checkFirstStep())) }
    let norm = try clip(step: index + 1)
    let factor = parts.schedule.factor(step: index)
    parts.optimizer.step(factor: factor, decay: parts.schedule.decay(step: index), on: parts.compute)

    let loss = losses.sorted { $0.key < $1.key }.reduce(0) { $0 + weights[$1.key, default: 0] * $1.value }
    let result = StepResult(
      loss: loss, losses: losses, weights: weights, phase: phase, learningRate: parts.peakRate * factor,
      lambda: model.lambda, gradientNorm: norm)
    state.advance(result, tokens: batches.reduce(0) { $0 + $1.tokenCount })
    state.optimizerStep = parts.optimizer.stepCount
    state.data = parts.data.position
    return result
  }

  /// Adds the gradients of all objectives with a weight, over all processes: a tensor's sum begins when the last pass is done
  /// with it, and goes on while the pass does the others.
  ///
  /// - Returns: the mean loss of each.
  private func accumulate(
    _ batches: [TokenBatch], weights: [String: Double], step: Int
  ) throws -> [String: Double] {
    let random = TrainingRandom(seed: configuration.run.seed)
    let active = parts.objectives.filter { weights[$0.name, default: 0] > 0 }
    let sources = batches.indices.map { random.child(.masking, step, $0) }
    // Of all processes, since every one of them knows all batches.
    let counts = active.map { objective in
      zip(batches, sources).reduce(0) { total, next in total + objective.supervisedCount(next.0, random: next.1) }
    }
    guard counts.contains(where: { $0 > 0 }) else { throw RunError.nothingToLearn(step: step + 1) }
    let weighted = active.indices.map {
      WeightedObjective(active[$0], weight: weights[active[$0].name, default: 0], total: counts[$0])
    }
    var sums: [String: Double] = [:]
    let mine = batches.indices.filter { $0 % communicator.size == communicator.rank }
    for batch in mine {
      let isLast = batch == mine.last && communicator.size > 1
      let results = parts.model.accumulate(
        weighted, batch: batches[batch], random: sources[batch],
        onGradient: isLast ? { [communicator] in communicator.beginSum($0.gradient) } : nil)
      for (name, result) in results {
        sums[name, default: 0] += result.lossSum
      }
    }
    communicator.finishSums()
    let totals = communicator.sum(active.map { sums[$0.name, default: 0] })
    var losses: [String: Double] = [:]
    for (index, objective) in active.enumerated() where counts[index] > 0 {
      let loss = totals[index] / Double(counts[index])
      guard loss.isFinite else {
        throw RunError.nonFiniteLoss(step: step + 1, objective: objective.name, loss: "\(loss)", kept: lastCheckpoint)
      }
      losses[objective.name] = loss
    }
    return losses
  }

  private func clip(step: Int) throws -> Double {
    do {
      return try clipGradients(
        parts.model.parameters, maximumNorm: configuration.gradientClipping, on: parts.compute)
    } catch {
      throw RunError.nonFiniteGradient(step: step, tensor: error.parameter, kept: lastCheckpoint)
    }
  }

  /// What only a first step shows: that the linear layers are ternary, and that the objectives reach every tensor.
  private func checkFirstStep() throws -> String {
    let model = parts.model
    let linears = model.layers.flatMap(\.linears)
    var ternary = 0
    for linear in linears where model.lambda == 1 && linear.weight.role == .bitLinear {
      guard let counts = linear.ternary?.counts(pool: parts.compute.pool) else {
        throw RunError.notTernary(tensor: linear.weight.name, values: 0)
      }
      let values = [counts.minus, counts.zero, counts.plus].count { $0 > 0 }
      guard values == 3 else { throw RunError.notTernary(tensor: linear.weight.name, values: values) }
      ternary += 1
    }
    for parameter in model.parameters {
      let isReached = (0..<parameter.gradient.rows).contains { row in parameter.gradient[row: row].contains { $0 != 0 }
      }
      guard isReached else { throw RunError.noGradient(tensor: parameter.name) }
    }
    let trits = ternary > 0 ? "\(ternary) linear layers compute with three values; " : ""
    return trits + "a gradient reaches all \(model.parameters.count) tensors"
  }
}

extension CheckpointState {
  /// Counts a step.
  mutating func advance(_ result: StepResult, tokens: Int) {
    globalStep += 1
    tokensSeen += tokens
    phase = result.phase
    lambda = result.lambda
    learningRate = result.learningRate
    for (name, weight) in result.weights { objectives[name] = ObjectiveState(enabled: weight > 0, weight: weight) }
  }
}
