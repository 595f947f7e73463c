import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What the rules judge by.
package struct Evidence {
  package var facts: ModelFacts
  package var weights: [WeightStatistics]
  package var behaviour: [PromptBehaviour]
  package var probe: TextProbe?
  package var training: TrainingEvidence?

  package init(
    facts: ModelFacts, weights: [WeightStatistics], behaviour: [PromptBehaviour] = [], probe: TextProbe? = nil,
    training: TrainingEvidence? = nil
  ) {
    self.facts = facts
    self.weights = weights
    self.behaviour = behaviour
    self.probe = probe
    self.training = training
  }
}

/// From evidence to findings. Every rule looks at the evidence alone and returns what it concludes, if anything; the
/// order of the list is the order of precedence, and the first finding is the verdict.
package enum Rules {
  package static func findings(for evidence: Evidence) -> [Finding] {
    let all: [(Evidence) -> Finding?] = [
      damaged, neverBegun, worseThanChance, hardlyLearned, bitNetTrained, activationOutliers, neverTrainedWithBitLinear,
      alreadyQuantized,
    ]
    var judged = evidence
    if let probe = evidence.probe, probe.tokens < minimumTokens { judged.probe = nil }
    var findings: [Finding] = []
    for rule in all {
      guard let finding = rule(judged), !findings.contains(where: { $0.code == finding.code }) else { continue }
      findings.append(finding)
    }
    // A file of trits without a text to judge it by: what it is is known, whether it was trained is not.
    if findings.isEmpty || (findings.count == 1 && findings[0].code == .alreadyQuantized && judged.probe != nil) {
      findings.insert(inconclusive(evidence), at: 0)
    }
    // What a model is, first; how it came to be so, after.
    return findings + (evidence.training.map(TrainingRunRules.findings) ?? [])
  }

  // MARK: Thresholds

  /// A mode is as good as the best when its perplexity is at most 1.3 times the best mode's.
  package static let equalLoss = log(1.3)
  /// A mode has failed when its perplexity is at least 3 times the best mode's.
  package static let failedLoss = log(3.0)
  /// A model has learned a language when its loss is at most this share of the uniform loss. A unigram model reaches
  /// about 0.7 on English with common vocabularies, and a model of 135 M parameters 0.3.
  package static let learnedShare = 0.65
  /// The loss on fewer tokens says nothing about a model.
  package static let minimumTokens = 32
  /// A training run has barely begun before this share of its steps.
  package static let begunShare = 0.02

  // MARK: Files

  private static func damaged(_ evidence: Evidence) -> Finding? {
    var reasons: [String] = []
    for tensor in evidence.weights where tensor.nonFinite > 0 {
      reasons.append("\(tensor.name): \(tensor.nonFinite) weights are infinite or not a number")
    }
    for tensor in evidence.weights where tensor.nonFinite == 0 && tensor.frobenius == 0 {
      reasons.append("\(tensor.name): every weight is zero")
    }
    reasons += evidence.facts.nonFiniteNorms.map { "\($0): values that are infinite or not a number" }
    guard !reasons.isEmpty else { return nil }
    return Finding(
      code: .damaged, certainty: .certain, evidence: shortened(reasons),
      nextSteps: [
        "Fetch or convert the model again and compare checksums with the source.",
        "If the source holds the same values, the training run diverged: go back to an earlier checkpoint.",
      ])
  }

  // MARK: Training state

  private static func neverBegun(_ evidence: Evidence) -> Finding? {
    guard let step = evidence.facts.globalStep else { return nil }
    let planned = evidence.facts.maximumSteps ?? 0
    let share = planned > 0 ? Double(step) / Double(planned) : 1
    guard step == 0 || share < begunShare else { return nil }
    // Steps may be counted anew when a good model is trained on.
    if let probe = evidence.probe, isGood(.bitLinear, probe) { return nil }
    var reasons = ["the trainer's state says global_step \(step)" + (planned > 0 ? " of \(planned)" : "")]
    if let best = evidence.facts.bestEvaluationLoss, best.isInfinite {
      reasons.append("best_eval_loss is infinite: it was never evaluated")
    }
    if let probe = evidence.probe { reasons.append(lossSentence(probe)) }
    return Finding(
      code: .undertrained, certainty: .certain, evidence: reasons,
      nextSteps: ["Use a later checkpoint of the run, or train on: this one holds what the training began with."])
  }

  // MARK: Behaviour

  private static func worseThanChance(_ evidence: Evidence) -> Finding? {
    let broken = evidence.behaviour.flatMap(\.modes).contains(where: \.hasNonFiniteLogits)
    let isNumber = !broken && evidence.probe?.best.isFinite ?? true
    guard !isNumber || evidence.probe.map({ $0.best > $0.uniformLoss + 1 }) ?? false else { return nil }
    return Finding(
      code: .wrongArithmetic, certainty: .likely,
      evidence: [
        isNumber ? evidence.probe.map(lossSentence) ?? "" : "the logits hold values that are infinite or not a number",
        (evidence.probe.map { "a model that knows nothing has \(nats($0.uniformLoss)); " } ?? "")
          + "confident wrong answers come from a wrong architecture label, row order, scale or tokenizer, seldom from "
          + "too little training",
      ],
      nextSteps: [
        "Check the architecture, the activation and the rope layout with `bitnet inspect`.",
        "Convert the model again from its source and diagnose the source too.",
        "If you gave a text of your own, measure without --text too: no model predicts a text of no language.",
      ])
  }

  private static func hardlyLearned(_ evidence: Evidence) -> Finding? {
    guard let probe = evidence.probe, probe.best.isFinite, probe.best <= probe.uniformLoss + 1, !hasLearned(probe)
    else { return nil }
    var reasons = [
      lossSentence(probe),
      "a model that knows nothing has \(nats(probe.uniformLoss)); one that has learned a language has at most "
        + nats(learnedShare * probe.uniformLoss),
    ]
    if let step = evidence.facts.globalStep { reasons.append("the trainer's state says global_step \(step)") }
    return Finding(
      code: .undertrained, certainty: .likely, evidence: reasons,
      nextSteps: [
        "Look at the training log: steps against the budget, and whether the cross-entropy loss was on and fell.",
        "If the model was made for another language or for code, measure a text of that kind: "
          + "`bitnet diagnose MODEL --text FILE`.",
      ])
  }

  private static func bitNetTrained(_ evidence: Evidence) -> Finding? {
    guard let probe = evidence.probe, hasLearned(probe), isGood(.bitLinear, probe) else { return nil }
    var reasons = [lossSentence(probe)]
    if evidence.facts.subNorms > 0 { reasons.append("\(evidence.facts.subNorms) sub-norms, as BitNets have them") }
    return Finding(
      code: .bitNetTrained, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Run it in its own arithmetic: `bitnet run MODEL --mode bitlinear`.",
        "A runtime that prints garbage with this model gets the arithmetic, the template or the tokenizer wrong.",
      ])
  }

  private static func activationOutliers(_ evidence: Evidence) -> Finding? {
    guard let probe = evidence.probe, hasLearned(probe), isGood(.weightOnly, probe), hasFailed(.bitLinear, probe)
    else { return nil }
    return Finding(
      code: .activationOutliers, certainty: .likely, evidence: [lossSentence(probe)],
      nextSteps: [
        "Run it with ternary weights and float activations: `bitnet run MODEL --mode weight-only`.",
        "If it was trained with int8 activations, a norm in front of a projection is missing from the file.",
      ])
  }

  private static func neverTrainedWithBitLinear(_ evidence: Evidence) -> Finding? {
    guard let probe = evidence.probe, hasLearned(probe), isGood(.none, probe), hasFailed(.bitLinear, probe),
      hasFailed(.weightOnly, probe)
    else { return nil }
    let summary = WeightSummary(evidence.weights)
    var reasons = [lossSentence(probe)]
    for prompt in evidence.behaviour.prefix(1) {
      reasons.append(
        "next token after \(quoted(prompt.prompt)): "
          + prompt.modes.compactMap { mode in
            mode.top.first.map { "\(quoted($0.text)) \(percent($0.probability)) in \(mode.mode.rawValue)" }
          }.joined(separator: ", "))
    }
    reasons.append(
      "ternarization keeps \(percent(summary.frobeniusRatio.lowerBound)) to "
        + "\(percent(summary.frobeniusRatio.upperBound)) of the matrices' Frobenius norms")
    if evidence.facts.subNorms == 0 { reasons.append("no sub-norms, which trained BitNets usually have") }
    return Finding(
      code: .neverTrainedWithBitLinear, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Run it as what it is: `bitnet run MODEL --mode none`.",
        "To get a BitNet, train with BitLinear (from the start, or distilled from this model): no conversion can do it.",
        "If it is meant to be a trained BitNet, the wrong checkpoint was saved or converted: compare it with its base.",
      ])
  }

  private static func alreadyQuantized(_ evidence: Evidence) -> Finding? {
    let ternary = evidence.weights.filter(\.isTernary)
    guard !ternary.isEmpty, ternary.count * 2 > evidence.weights.count else { return nil }
    let scales = ternary.map(\.scale)
    return Finding(
      code: .alreadyQuantized, certainty: .certain,
      evidence: [
        "\(ternary.count) of \(evidence.weights.count) matrices hold only -s, 0, +s, with s from "
          + "\(scales.min() ?? 0) to \(scales.max() ?? 0)",
        "mean share of zeros \(percent(WeightSummary(evidence.weights).shares.zero))",
      ],
      nextSteps: [
        "Never quantize them by absmean again: that shrinks each scale by the share of zeros.",
        "Whether they were trained as trits shows in what the model says, not in the weights.",
      ])
  }

  private static func inconclusive(_ evidence: Evidence) -> Finding {
    guard let probe = evidence.probe else {
      guard evidence.facts.tokenizerSize == nil else { return tooShort(tokens: 0) }
      return Finding(
        code: .inconclusive, certainty: .open, evidence: ["no tokenizer, so that no text could be measured"],
        nextSteps: ["Put tokenizer.json beside the weights, or convert with the tokenizer, and diagnose again."])
    }
    guard probe.tokens >= minimumTokens else { return tooShort(tokens: probe.tokens) }
    return Finding(
      code: .inconclusive, certainty: .open,
      evidence: [
        lossSentence(probe), "the modes differ too much to be equal and too little to call one of them broken",
      ],
      nextSteps: [
        "Measure a longer text of the kind the model was made for: `bitnet diagnose MODEL --text FILE`.",
        "Its trainer's state or log would tell whether BitLinear was on: put trainer_state.json beside the weights.",
      ])
  }

  private static func tooShort(tokens: Int) -> Finding {
    Finding(
      code: .inconclusive, certainty: .open,
      evidence: ["the text has only \(tokens) tokens to predict; it takes \(minimumTokens) to judge a model"],
      nextSteps: ["Measure a longer text: `bitnet diagnose MODEL --text FILE`, or without --text the built-in one."])
  }

  // MARK: Terms

  private static func hasLearned(_ probe: TextProbe) -> Bool { probe.best <= learnedShare * probe.uniformLoss }

  private static func isGood(_ mode: QuantizationMode, _ probe: TextProbe) -> Bool {
    hasLearned(probe) && probe.loss(mode) <= probe.best + equalLoss
  }

  private static func hasFailed(_ mode: QuantizationMode, _ probe: TextProbe) -> Bool {
    probe.loss(mode) >= probe.best + failedLoss
  }

  private static func lossSentence(_ probe: TextProbe) -> String {
    "loss on the text: "
      + probe.losses.map { "\(nats($0.loss)) in \($0.mode.rawValue)" }.joined(separator: ", ")
  }

  private static func shortened(_ sentences: [String]) -> [String] {
    sentences.count <= 8 ? sentences : Array(sentences.prefix(8)) + ["and \(sentences.count - 8) more"]
  }

  private static func nats(_ value: Double) -> String { "\(fixed(value, 2)) nats/token" }
  private static func percent(_ value: Double) -> String { "\(fixed(value * 100, 1)) %" }
  private static func quoted(_ text: String?) -> String { "\"\(text ?? "?")\"" }
}
