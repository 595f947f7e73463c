import BitNet

/// Faults that show in what the model computes.
extension Rules {
  static let worseThanChance = Rule(
    .wrongArithmetic, "Confident wrong answers come from wrong computing, seldom from too little training."
  ) { evidence in
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
        "Check the architecture, the activation and the rope layout with `bitnet inspect MODEL`.",
        "Convert the model again from its source and diagnose the source too.",
        "If you gave a text of your own, measure without --text too: no model predicts a text of no language.",
      ])
  }

  /// The share that int8 makes zero is 1 to 5 % in front of the linear layers of sound models.
  private static let mostLost = 0.9

  static let activationOutliers = Rule(
    .activationOutliers, "Few large channels take up the int8 range, and all others round to zero."
  ) { evidence in
    guard let probe = evidence.probe else { return nil }
    let worst = evidence.activations.filter { $0.stage != "product" }.max { $0.lost < $1.lost }
    let isSeen = hasLearned(probe) && isGood(.weightOnly, probe) && hasFailed(.bitLinear, probe)
    // Where something else hides it, the numbers tell. Gates squash most of what they let through in sound models, too.
    let isInNumbers = evidence.activations.contains {
      ["attention", "attended", "feedForward"].contains($0.stage) && $0.lost > mostLost
    }
    let declares = evidence.facts?.declaresBitLinear ?? false
    guard isSeen || declares && !hasLearned(probe) && isInNumbers else { return nil }
    return Finding(
      code: .activationOutliers, certainty: .likely,
      evidence: [lossSentence(probe)]
        + (worst.map {
          [
            "worst at block \($0.layer), \($0.stage): the largest number is \(significant($0.outlier)) times the root mean "
              + "square, and int8 turns \(percent($0.lost)) of the others into zero"
          ]
        } ?? []),
      nextSteps: [
        "Run it with ternary weights and float activations: `bitnet run MODEL --mode weight-only`.",
        "If it was trained with int8 activations, a norm in front of a projection is missing from the file.",
      ])
  }

  /// Ablation: a block that was trained with the others helps, if only a little.
  static let harmfulBlock = Rule(
    .harmfulBlock, "A half of a block without which the model predicts better was not trained with the others."
  ) { evidence in
    guard let repairs = evidence.repairs, !repairs.ablations.isEmpty else { return nil }
    let sorted = repairs.ablations.sorted { $0.gain > $1.gain }
    // What is no better than a beginner's guess without it, has other faults.
    guard let worst = sorted.first, worst.gain >= 0.25, let uniform = evidence.probe?.uniformLoss,
      (repairs.accepted.last?.after ?? repairs.loss) - worst.gain <= learnedShare * uniform,
      sorted.dropFirst().first.map({ worst.gain >= 2 * $0.gain }) ?? true
    else { return nil }
    let parts =
      worst.half == "attention" ? ["attn_q", "attn_k", "attn_v", "attn_output"] : ["ffn_gate", "ffn_up", "ffn_down"]
    return Finding(
      code: .harmfulBlock, certainty: .likely, tensors: parts.map { "blk.\(worst.layer).\($0).weight" },
      evidence: [
        "without the \(worst.half) of block \(worst.layer) the loss on the text falls by \(nats(worst.gain)); the next best "
          + "half to leave out gains \(nats(sorted.dropFirst().first?.gain ?? 0))"
      ],
      nextSteps: [
        "One of its matrices is damaged, or in another order: `bitnet compare SOURCE MODEL` names it.",
        "Convert the model again from its source.",
      ])
  }

  static let halfOverflow = Rule(
    .halfOverflow, "The largest number that half precision holds is 65504."
  ) { evidence in
    let beyond = evidence.activations.filter { $0.maximum > 65504 }
    guard let worst = beyond.max(by: { $0.maximum < $1.maximum }) else { return nil }
    return Finding(
      code: .halfOverflow, certainty: .certain,
      evidence: [
        "numbers up to \(significant(worst.maximum)) at block \(worst.layer), \(worst.stage); half precision ends at 65504 "
          + "(\(beyond.count) places in all)"
      ],
      nextSteps: [
        "Run it in float32 or bfloat16: bitnet does. Runtimes that compute in f16 print NaN or `!!!!`."
      ])
  }

  static let endsAtOnce = Rule(
    .endsAtOnce, "Nobody ends in the middle of a sentence."
  ) { evidence in
    guard let native = nativeMode(evidence) else { return nil }
    let ending = evidence.behaviour.compactMap { prompt in
      prompt.modes.first { $0.mode == native }.map { (prompt.prompt, $0.endProbability) }
    }.filter { $0.1 > 0.5 }
    guard !ending.isEmpty else { return nil }
    return Finding(
      code: .endsAtOnce, certainty: .likely,
      evidence: ending.map {
        "after \(quoted($0.0)) the end has the probability \(fixed($0.1, 2)) in mode \(native.rawValue)"
      },
      nextSteps: ["Compare with the other modes below: weights made ternary without training often end at once."])
  }

  static let ignoresContext = Rule(
    .ignoresContext, "Predicting well means using what came before."
  ) { evidence in
    guard let probe = evidence.probe, let native = nativeMode(evidence),
      let loss = probe.losses.first(where: { $0.mode == native }), loss.loss.isFinite,
      loss.contextFreeLoss - loss.loss < 0.1
    else { return nil }
    return Finding(
      code: .ignoresContext, certainty: .likely,
      evidence: [
        "in mode \(native.rawValue) the loss is \(nats(loss.loss)); its average prediction, taken for every token, has "
          + nats(loss.contextFreeLoss)
      ],
      nextSteps: ["Attention does nothing: an untrained model, or one whose queries and keys are in the wrong order."])
  }

  /// The arithmetic that the files ask for.
  private static func nativeMode(_ evidence: Evidence) -> QuantizationMode? {
    evidence.facts.map { $0.declaresBitLinear ? .bitLinear : .none }
  }
}
