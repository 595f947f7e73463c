import BitNet

/// What the trainer left beside the weights.
extension Rules {
  static let trainingRules: [Rule] = [neverBegun]

  private static let neverBegun = Rule(
    .undertrained, "A run that has done none of its steps, or hardly any, has taught the model nothing."
  ) { evidence in
    guard let facts = evidence.facts, let step = facts.globalStep else { return nil }
    let planned = facts.maximumSteps ?? 0
    let share = planned > 0 ? Double(step) / Double(planned) : 1
    guard step == 0 || share < begunShare else { return nil }
    // Steps may be counted anew when a good model is trained on.
    if let probe = evidence.probe, isGood(.bitLinear, probe) { return nil }
    var reasons = ["the trainer's state says global_step \(step)" + (planned > 0 ? " of \(planned)" : "")]
    if let best = facts.bestEvaluationLoss, best.isInfinite {
      reasons.append("best_eval_loss is infinite: it was never evaluated")
    }
    if let probe = evidence.probe { reasons.append(lossSentence(probe)) }
    return Finding(
      code: .undertrained, certainty: .certain, evidence: reasons,
      nextSteps: ["Use a later checkpoint of the run, or train on: this one holds what the training began with."])
  }
}
