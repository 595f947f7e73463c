import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What the model predicts, by itself and in each mode.
extension Rules {
  static let behaviourRules: [Rule] = [
    undeclaredBitNet, neverTrained, harmfulBlock, worseThanChance, ternarizedAfterwards, hardlyLearned,
    activationOutliers, halfOverflow, endsAtOnce, ignoresContext, bitNetTrained, neverTrainedWithBitLinear,
  ]

  static let stateRules: [Rule] = [alreadyQuantized]

  // MARK: Training

  /// Initialization draws independent numbers and sets gains to 1.
  private static let neverTrained = Rule(
    .neverTrained, "Training makes rows and columns differ and moves the gains of norms; initialization does neither."
  ) { evidence in
    let measured = evidence.weights.filter { $0.frobenius > 0 }
    let independent = measured.filter { looksIndependent($0.rowDispersion) && looksIndependent($0.columnDispersion) }
    guard measured.count > 6, independent.count * 10 >= measured.count * 9 else { return nil }
    guard !evidence.norms.isEmpty, evidence.norms.allSatisfy({ $0.minimum == $0.maximum }) else { return nil }
    let kurtosis = median(measured.map(\.kurtosis))
    return Finding(
      code: .neverTrained, certainty: .certain,
      evidence: [
        "rows and columns of \(independent.count) of \(measured.count) matrices vary as those of independent numbers do "
          + "(kurtosis \(fixed(kurtosis, 2)), a Gaussian has 3)",
        "every gain of all \(evidence.norms.count) norms is \(evidence.norms.first?.maximum ?? 1)",
      ],
      nextSteps: [
        "This is what training begins with: use a later checkpoint.",
        "If it was trained, its weights were not loaded from the checkpoint: look for a prefix such as _orig_mod. or "
          + "module. in the source's tensor names.",
      ])
  }

  private static func looksIndependent(_ dispersion: Double) -> Bool { (0.4...1.6).contains(dispersion) }

  /// The mean score over the blocks that independent weights never have, in standard deviations.
  private static let learnedAlignment = 5.0

  private static let ternarizedAfterwards = Rule(
    .ternarizedAfterwards,
    "Weights that learned something are aligned; ternary ones that predict nothing all the same were "
      + "made ternary without training."
  ) { evidence in
    guard let probe = evidence.probe, !hasLearned(probe), probe.best.isFinite, !evidence.isMended(probe) else {
      return nil
    }
    // What learned as trits, or has hardly begun to learn, knew nothing more before.
    if evidence.hasHardlyBegun || (evidence.training?.lambda ?? 0) >= TrainingRunRules.fullLambda { return nil }
    let ternary = evidence.weights.count(where: \.isTernary)
    guard ternary > 0, ternary * 2 > evidence.weights.count else { return nil }
    let alignments = [BlockCoherence.Pair.gateUp, .queryKey].map { pair in
      let scores = evidence.coherence.compactMap { $0.score(pair) }
      return scores.reduce(0, +) / Double(max(1, scores.count))
    }
    guard alignments.allSatisfy({ $0 >= learnedAlignment }), !evidence.norms.allSatisfy(\.isUntouched) else {
      return nil
    }
    return Finding(
      code: .ternarizedAfterwards, certainty: .likely,
      evidence: [
        lossSentence(probe),
        "\(ternary) of \(evidence.weights.count) matrices are ternary, and gate with up is aligned by "
          + "\(significant(alignments[0])) and q with k by \(significant(alignments[1])) standard deviations on average, as "
          + "only training does it: the model knew more before",
      ],
      nextSteps: [
        "Ternarizing weights that were not trained for it destroys them: train with BitLinear, or use the "
          + "full-precision model.",
        "An undertrained BitNet can look the same; its trainer's state would tell.",
      ])
  }

  private static let hardlyLearned = Rule(
    .undertrained, "A model that has learned a language predicts it much better than chance."
  ) { evidence in
    guard let probe = evidence.probe, probe.best.isFinite, probe.best <= probe.uniformLoss + 1, !hasLearned(probe)
    else { return nil }
    // Changes that help a lot say that the weights know more than the files let them.
    if evidence.isMended(probe) { return nil }
    var reasons = [
      lossSentence(probe),
      "a model that knows nothing has \(nats(probe.uniformLoss)); one that has learned a language has at most "
        + nats(learnedShare * probe.uniformLoss),
    ]
    if let step = evidence.facts?.globalStep { reasons.append("the trainer's state says global_step \(step)") }
    if let best = evidence.repairs?.tried.first, best.gain < log(2) {
      reasons.append("no change of a setting helps much: the best, \(best.change), gains \(nats(max(0, best.gain)))")
    }
    return Finding(
      code: .undertrained, certainty: evidence.hasHardlyBegun ? .certain : .likely, evidence: reasons,
      nextSteps: [
        "Look at the training log: steps against the budget, and whether the cross-entropy loss was on and fell.",
        "If the model was made for another language or for code, measure a text of that kind: "
          + "`bitnet diagnose MODEL --text FILE`.",
      ])
  }

  private static let undeclaredBitNet = Rule(
    .undeclaredBitNet, "Master weights of a BitNet predict well only once they are ternary; a runtime must be told."
  ) { evidence in
    guard let facts = evidence.facts, !facts.declaresBitLinear, let probe = evidence.probe,
      isGood(.bitLinear, probe) || isGood(.weightOnly, probe), !isGood(.none, probe)
    else { return nil }
    return Finding(
      code: .undeclaredBitNet, certainty: .certain,
      evidence: [
        lossSentence(probe), "neither quantization_config nor the architecture says that this is a BitNet",
      ],
      nextSteps: [
        "Put quantization_config back into config.json: quant_method bitnet, linear_class autobitlinear, "
          + "quantization_mode online.",
        "Until then run it with `bitnet run MODEL --mode bitlinear`.",
      ])
  }

  private static let bitNetTrained = Rule(
    .bitNetTrained, "A model that predicts as a BitNet as well as in any other way was trained as one."
  ) { evidence in
    guard let probe = evidence.probe, hasLearned(probe), isGood(.bitLinear, probe) else { return nil }
    var reasons = [lossSentence(probe)]
    if let subNorms = evidence.facts?.subNorms, subNorms > 0 {
      reasons.append("\(subNorms) sub-norms, as BitNets have them")
    }
    return Finding(
      code: .bitNetTrained, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Run it in its own arithmetic: `bitnet run MODEL --mode bitlinear`.",
        "A runtime that prints garbage with this model gets the arithmetic, the template or the tokenizer wrong.",
      ])
  }

  private static let neverTrainedWithBitLinear = Rule(
    .neverTrainedWithBitLinear, "What predicts well in full precision and badly as trits was never trained as trits."
  ) { evidence in
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
    let declares = evidence.facts?.declaresBitLinear ?? false
    if declares { reasons.append("the files declare a BitNet, so that runtimes will make its weights ternary") }
    if evidence.facts?.subNorms == 0 { reasons.append("no sub-norms, which trained BitNets usually have") }
    return Finding(
      code: .neverTrainedWithBitLinear, certainty: .certain, severity: declares ? .error : .info, evidence: reasons,
      nextSteps: [
        "Run it as what it is: `bitnet run MODEL --mode none`.",
        "To get a BitNet, train with BitLinear (from the start, or distilled from this model): no conversion can do it.",
        "If it is meant to be a trained BitNet, the wrong checkpoint was saved or converted: compare it with its base, "
          + "`bitnet diagnose MODEL --reference BASE`.",
      ])
  }

  private static let alreadyQuantized = Rule(
    .alreadyQuantized, "Matrices of -s, 0, +s are trits, whatever type stores them."
  ) { evidence in
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

  static func inconclusive(_ evidence: Evidence) -> Finding {
    guard let probe = evidence.probe else {
      guard evidence.facts?.tokenizerSize == nil else { return tooShort(tokens: 0) }
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
}

extension Evidence {
  /// Whether the trainer's state tells of a few steps only.
  fileprivate var hasHardlyBegun: Bool {
    facts?.globalStep.map { $0 <= TrainingRunRules.fewestSteps } ?? false
  }

  /// Whether single changes make a model that predicts badly one that has learned.
  func isMended(_ probe: TextProbe) -> Bool {
    guard let last = repairs?.accepted.last else { return false }
    return last.after <= Rules.learnedShare * probe.uniformLoss
  }
}
