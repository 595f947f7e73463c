import ModelFormats

/// From what a training run left behind to findings; the order of the list is the order of precedence.
enum TrainingRunRules {
  static func findings(for evidence: TrainingEvidence) -> [Finding] {
    let all: [(TrainingEvidence) -> Finding?] = [
      neverBegan, diverged, noCrossEntropy, lossNotFalling, lambdaBelowOne, scheduleNeverRan, curriculumTooFast,
      fewSteps,
      stoppedEarly, codeInPickle, contradictoryState,
    ]
    return all.compactMap { $0(evidence) }
  }

  // MARK: Thresholds

  /// A run of fewer steps is short whatever was planned.
  static let fewestSteps = 200
  /// A run is as good as complete from this share of its budget on.
  static let completeShare = 0.98
  /// A loss above this, in nats per token, is not yet that of a model that speaks; one that has stopped falling there
  /// will not become one.
  static let speechlessLoss = 4.0
  /// A rate departs from its schedule when they differ by this share of the largest rate.
  static let departure = 0.05
  /// A lambda from here on is 1.
  static let fullLambda = 0.999

  // MARK: How far

  private static func neverBegan(_ evidence: TrainingEvidence) -> Finding? {
    let isUnevaluated = evidence.bestEvaluationLoss?.isInfinite ?? false
    guard evidence.globalStep == 0 || (evidence.globalStep == nil && isUnevaluated) else { return nil }
    var reasons: [String] = []
    if let step = evidence.globalStep {
      reasons.append("step \(step)" + (evidence.maximumSteps.map { " of \(grouped($0))" } ?? ""))
    }
    if isUnevaluated { reasons.append("best evaluation loss inf: it was never evaluated") }
    if let tokens = evidence.tokensSeen { reasons.append("\(grouped(tokens)) tokens seen") }
    return Finding(
      code: .trainingNeverBegan, certainty: .certain, evidence: reasons,
      nextSteps: [
        "The weights are those that the run began with: take a later checkpoint, or start the run again and see that its "
          + "step counts up: `bitnet diagnose --watch RUN_DIR`."
      ])
  }

  private static func fewSteps(_ evidence: TrainingEvidence) -> Finding? {
    guard let step = evidence.globalStep, step > 0 else { return nil }
    let share = evidence.budgetShare ?? 1
    guard step <= fewestSteps || share < Rules.begunShare else { return nil }
    return Finding(
      code: .fewSteps, certainty: share < Rules.begunShare ? .certain : .likely, evidence: progress(evidence),
      nextSteps: [
        "Train on, `bitnet train CONFIG --resume`, and judge the checkpoints as they come: "
          + "`bitnet diagnose --watch RUN_DIR`."
      ])
  }

  private static func stoppedEarly(_ evidence: TrainingEvidence) -> Finding? {
    guard let share = evidence.budgetShare, share < completeShare, share >= Rules.begunShare,
      let step = evidence.globalStep, step > fewestSteps
    else { return nil }
    var reasons = progress(evidence)
    if let rate = evidence.learningRate, let last = rate.last, let largest = rate.largest, largest > 0,
      last > 0.9 * largest
    {
      reasons.append(
        "the learning rate is still at \(percent(last / largest)) of its peak; the loss of a BitNet falls most when the "
          + "rate falls")
    }
    return Finding(
      code: .stoppedEarly, certainty: .certain, evidence: reasons,
      nextSteps: [
        "Go on from the last checkpoint to the end of the schedule, and judge it then: `bitnet train CONFIG --resume`."
      ])
  }

  /// Steps, tokens and phase as sentences.
  static func progress(_ evidence: TrainingEvidence) -> [String] {
    var sentences: [String] = []
    if let step = evidence.globalStep {
      sentences.append("step \(grouped(step))" + (evidence.maximumSteps.map { " of \(grouped($0))" } ?? ""))
    }
    if let tokens = evidence.tokensSeen {
      var text = "\(grouped(tokens)) tokens"
      if let total = evidence.totalTokens { text += " of \(grouped(total))" }
      if let share = evidence.budgetShare { text += " (\(percent(share)))" }
      if let perStep = evidence.tokensPerStep { text += ", \(grouped(perStep)) to a step" }
      sentences.append(text)
    } else if let share = evidence.budgetShare {
      sentences.append("\(percent(share)) of the planned steps")
    }
    if let phase = evidence.phase { sentences.append("phase \(phase) of the curriculum") }
    return sentences
  }

  // MARK: Files

  private static func codeInPickle(_ evidence: TrainingEvidence) -> Finding? {
    guard !evidence.suspiciousCalls.isEmpty else { return nil }
    return Finding(
      code: .codeInPickle, certainty: .certain,
      evidence: evidence.suspiciousCalls.prefix(8).map { "\($0) would be called; nothing was run here" },
      nextSteps: [
        "Do not open this file with torch.load(weights_only=False). Take the model from its publisher as safetensors."
      ])
  }

  private static func contradictoryState(_ evidence: TrainingEvidence) -> Finding? {
    guard !evidence.contradictions.isEmpty else { return nil }
    return Finding(
      code: .contradictoryState, certainty: .likely, evidence: evidence.contradictions,
      nextSteps: [
        "Find out which files belong together: `bitnet inspect RUN_DIR` lists them. Figures above may be of another run."
      ])
  }

  static func percent(_ share: Double) -> String { "\(fixed(share * 100, 2)) %" }
}
