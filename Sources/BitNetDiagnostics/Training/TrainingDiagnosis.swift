import ModelFormats

/// What was found out about a training run from what it left behind, where there is no model.
public struct TrainingDiagnosis: Sendable, Codable {
  /// The version of the JSON form; it grows when a field changes its meaning or goes.
  public var schemaVersion = 1
  /// The folder.
  public var path: String
  /// What its files tell.
  public var training: TrainingEvidence
  /// What follows from that: the verdict first, then whatever else was found.
  public var findings: [Finding]

  /// The verdict.
  public var verdict: Finding { findings[0] }

  /// Reads the states, logs and checkpoints in a folder; nothing in them is run.
  ///
  /// - Returns: `nil` if there are none.
  public init?(of path: String) {
    guard let training = TrainingEvidence(near: path) else { return nil }
    var findings = TrainingRunRules.findings(for: training)
    if findings.isEmpty { findings = [TrainingDiagnosis.sound(training)] }
    self.init(path: path, training: training, findings: findings)
  }

  private init(path: String, training: TrainingEvidence, findings: [Finding]) {
    self.path = path
    self.training = training
    self.findings = findings
  }

  private static func sound(_ training: TrainingEvidence) -> Finding {
    guard training.loss != nil || training.crossEntropy != nil || training.budgetShare != nil else {
      return Finding(
        code: .inconclusive, certainty: .open,
        evidence: ["the files tell neither a loss nor how much of what was planned was done"] + training.notes,
        nextSteps: ["Name the folder that holds the logs: TensorBoard's, a run of W&B, or trainer_state.json."])
    }
    var reasons = TrainingRunRules.progress(training)
    if let loss = training.crossEntropy?.trend ?? training.loss { reasons.append("loss \(loss.summary)") }
    return Finding(
      code: .trainingSound, certainty: .likely, evidence: reasons,
      nextSteps: ["Diagnose the model itself: `bitnet diagnose MODEL`."])
  }
}

extension TrainingDiagnosis {
  /// The report as a page of text, as of a model.
  public func report(style: ReportStyle = .plain) -> String {
    var lines = [singleLine(path), ""]
    for finding in findings { lines += finding.lines(isVerdict: finding == verdict, style: style) }
    lines += training.lines(style: style)
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }
}
