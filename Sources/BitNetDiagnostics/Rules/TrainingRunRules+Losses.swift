import ModelFormats

extension TrainingRunRules {
  static func diverged(_ evidence: TrainingEvidence) -> Finding? {
    var reasons: [String] = []
    var isCertain = false
    // The sum also rises when the curriculum gives a part more weight, so that only its parts tell.
    let whole = evidence.loss.map { ("loss", $0, evidence.objectives.allSatisfy { $0.trend == nil }) }
    let parts = evidence.objectives.compactMap { part in part.trend.map { (part.name, $0, true) } }
    for (name, trend, isJudgedByLevel) in [whole].compactMap(\.self) + parts {
      if trend.nonFinite > 0 {
        isCertain = true
        reasons.append(
          "\(name): \(trend.nonFinite) of \(trend.points) logged values are infinite or not a number, from step "
            + "\(grouped(trend.firstNonFiniteStep ?? trend.lastStep)) on")
      }
      guard isJudgedByLevel else { continue }
      if trend.last > trend.lowest + max(0.5, 0.2 * abs(trend.lowest)), trend.direction == .diverged {
        isCertain = true
        reasons.append(
          "\(name): \(fixed(trend.lowest, 3)) at step \(grouped(trend.lowestStep)), \(fixed(trend.last, 3)) at the end")
      }
      if trend.spikes >= 3 {
        reasons.append("\(name): \(trend.spikes) spikes, the highest at step \(grouped(trend.highestSpikeStep ?? 0))")
      }
    }
    guard !reasons.isEmpty else { return nil }
    return Finding(
      code: .diverged, certainty: isCertain ? .certain : .likely, evidence: reasons,
      nextSteps: [
        "Go back to the last checkpoint before it with half the learning rate or a longer warm-up: "
          + "`bitnet train CONFIG optimizer.lr=… --resume step-… --allow-changed-config`.",
        "Keep the master weights in float32, and see that gradients are clipped.",
      ])
  }

  static func noCrossEntropy(_ evidence: TrainingEvidence) -> Finding? {
    let known = evidence.objectives.filter { $0.isOn != nil }
    guard !known.isEmpty, !known.contains(where: { $0.isCrossEntropy && $0.isOn == true }) else { return nil }
    var reasons: [String] = []
    for objective in known {
      var text = "\(objective.name): \(objective.isOn == true ? "on" : "off")"
      if let weight = objective.largestWeight { text += ", largest weight logged \(fixed(weight, 3))" }
      if objective.isConfigured == false { text += ", configured enabled: false" }
      if let trend = objective.trend { text += ", \(trend.summary)" }
      reasons.append(text)
    }
    if !known.contains(where: \.isCrossEntropy) {
      reasons.append("no loss of the next token was configured or logged")
    }
    return Finding(
      code: .noCrossEntropy, certainty: known.contains(where: \.isCrossEntropy) ? .certain : .likely, evidence: reasons,
      nextSteps: [
        "Turn it on and train again: `bitnet train CONFIG objectives.continue_pretrain.enabled=true "
          + "objectives.continue_pretrain.weight=1`.",
        "A block-diffusion model too keeps it on: without, it has no language to start from.",
      ])
  }

  static func lossNotFalling(_ evidence: TrainingEvidence) -> Finding? {
    guard let loss = evidence.crossEntropy, loss.isOn == true, let trend = loss.trend, trend.direction != .diverged
    else { return nil }
    let isStuck = trend.points >= 2 * Trend.minimumPoints && trend.settledStep != nil && trend.last > speechlessLoss + 1
    let isFlat = trend.direction == .flat && trend.last > speechlessLoss
    guard trend.direction == .rising || isFlat || isStuck else { return nil }
    var reasons = [
      "\(loss.name): \(trend.summary), from step \(grouped(trend.firstStep)) to \(grouped(trend.lastStep))"
    ]
    if let weight = loss.weight { reasons.append("its weight is \(fixed(weight, 3)) at the end") }
    if trend.last > speechlessLoss {
      reasons.append(
        "\(fixed(trend.last, 2)) nats per token at the end; a model that speaks is below \(fixed(speechlessLoss, 0))")
    }
    if let rate = evidence.learningRate?.last { reasons.append("the learning rate is \(significant(rate)) at the end") }
    return Finding(
      code: .lossNotFalling, certainty: .likely, evidence: reasons,
      nextSteps: [
        "Overfit one batch first: the loss must reach 0. If it does not, the gradient does not reach the weights.",
        "See that labels are shifted once, that the rate is not 0, and that master weights are float32: in bfloat16 small "
          + "steps vanish.",
      ])
  }

  static func lambdaBelowOne(_ evidence: TrainingEvidence) -> Finding? {
    guard let lambda = evidence.lambda, lambda < fullLambda else { return nil }
    var reasons = ["lambda is \(fixed(lambda, 4)) at the end: weights and activations are quantized to that share only"]
    if let steps = evidence.lambdaSteps {
      reasons.append(
        "it was to reach 1 in \(grouped(steps)) steps"
          + (evidence.globalStep.map { "; the run has \(grouped($0))" } ?? ""))
    }
    return Finding(
      code: .lambdaBelowOne, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Train on with lambda 1 for most of the steps, `bitnet train CONFIG lambda_warmup.enabled=false --resume "
          + "--allow-changed-config`: what runs as a BitNet must be trained as one."
      ])
  }

  static func scheduleNeverRan(_ evidence: TrainingEvidence) -> Finding? {
    guard let rate = evidence.learningRate, let schedule = rate.schedule, rate.points >= 3,
      let scheduled = rate.scheduledShare, let logged = rate.loggedShare, let step = rate.departureStep,
      let largest = rate.largest, abs(scheduled - logged) > (rate.isConstant ? departure : 6 * departure)
    else { return nil }
    var reasons = [
      "schedule \(schedule) was asked for; at step \(grouped(step)) it has \(percent(scheduled)) of the peak, logged was "
        + percent(logged)
    ]
    if rate.isConstant { reasons.append("all \(rate.points) logged rates are \(significant(largest))") }
    return Finding(
      code: .scheduleNeverRan, certainty: rate.isConstant ? .certain : .likely, evidence: reasons,
      nextSteps: [
        "See that the trainer knows the schedule by this name: some fall back to a constant rate without a word.",
        "Go on with the schedule that was meant, `bitnet train CONFIG scheduler.type=… --resume`; without its decay the loss stays above what the model can reach.",
      ])
  }

  static func curriculumTooFast(_ evidence: TrainingEvidence) -> Finding? {
    guard let curriculum = evidence.curriculum, let speed = curriculum.speed, speed > 1 else { return nil }
    var reasons = ["the logged weights fit the curriculum at \(fixed(speed, 0)) times the steps that were done"]
    if let step = evidence.globalStep, let logged = curriculum.loggedPhase {
      reasons.append(
        "at step \(grouped(step)) they are in phase \(logged)" + (evidence.phase.map { ", due is phase \($0)" } ?? ""))
    }
    for objective in evidence.objectives {
      if let weight = objective.weight { reasons.append("\(objective.name) ends at weight \(fixed(weight, 3))") }
    }
    return Finding(
      code: .curriculumTooFast, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Let the curriculum count optimizer steps, not the \(fixed(speed, 0)) batches that make up one, and train again "
          + "from the checkpoint before the first wrong phase."
      ])
  }
}
