import BitNet

/// From evidence to one conclusion.
package struct Rule: Sendable {
  /// What it concludes.
  package let code: Finding.Code
  /// Why that follows, as a sentence that holds for every model.
  package let principle: String
  /// Looks at the evidence alone; `nil` where the evidence is missing or says otherwise.
  package let judge: @Sendable (Evidence) -> Finding?

  init(_ code: Finding.Code, _ principle: String, judge: @escaping @Sendable (Evidence) -> Finding?) {
    self.code = code
    self.principle = principle
    self.judge = judge
  }
}

/// All rules. The order is that of precedence among findings of the same severity; the first finding is the verdict.
package enum Rules {
  package static let all: [Rule] =
    fileRules + damageRules + tritRules + settingRules + orderRules + vocabularyRules + referenceRules + trainingRules
    + behaviourRules + stateRules

  /// What follows from the evidence, the gravest first.
  package static func findings(for evidence: Evidence) -> [Finding] {
    var judged = evidence
    if let probe = evidence.probe, probe.tokens < minimumTokens {
      judged.probe = nil
    } else if let probe = evidence.probe, let english = evidence.english, english.share < probe.share {
      // A text of no language, or of one that the model was not made for, condemns no model that knows English.
      judged.probe = english
    }
    var findings: [Finding] = []
    for rule in all {
      guard let finding = rule.judge(judged), !findings.contains(where: { $0.code == finding.code }) else { continue }
      findings.append(finding)
    }
    // A file of trits without a text to judge it by: what it is is known, whether it was trained is not.
    let saysWhatItIs = findings.contains {
      $0.severity == .error || [.bitNetTrained, .neverTrainedWithBitLinear].contains($0.code)
    }
    let isTernaryWithoutText =
      judged.probe == nil && evidence.probe == nil && findings.contains { $0.code == .alreadyQuantized }
    if !saysWhatItIs, !isTernaryWithoutText { findings.insert(inconclusive(evidence), at: 0) }
    // What a model is, first; how it came to be so, after.
    return Finding.Severity.allCases.reversed().flatMap { severity in findings.filter { $0.severity == severity } }
      + (evidence.training.map(TrainingRunRules.findings) ?? [])
  }

  // MARK: Thresholds

  /// A mode is as good as the best when its perplexity is at most 1.3 times the best mode's.
  package static let equalLoss = 0.262364
  /// A mode has failed when its perplexity is at least 3 times the best mode's.
  package static let failedLoss = 1.098612
  /// A model has learned a language when its loss is at most this share of the uniform loss. A unigram model reaches
  /// about 0.7 on English with common vocabularies, and a model of 135 M parameters 0.3.
  package static let learnedShare = 0.65
  /// The loss on fewer tokens says nothing about a model.
  package static let minimumTokens = 32
  /// A training run has barely begun before this share of its steps.
  package static let begunShare = 0.02

  // MARK: Terms

  static func hasLearned(_ probe: TextProbe) -> Bool { probe.best <= learnedShare * probe.uniformLoss }

  static func isGood(_ mode: QuantizationMode, _ probe: TextProbe) -> Bool {
    hasLearned(probe) && probe.loss(mode) <= probe.best + equalLoss
  }

  static func hasFailed(_ mode: QuantizationMode, _ probe: TextProbe) -> Bool {
    probe.loss(mode) >= probe.best + failedLoss
  }

  // MARK: Words

  static func lossSentence(_ probe: TextProbe) -> String {
    "loss on the text: "
      + probe.losses.map { "\(nats($0.loss)) in \($0.mode.rawValue)" }.joined(separator: ", ")
  }

  static func shortened(_ sentences: [String]) -> [String] {
    sentences.count <= 8 ? sentences : Array(sentences.prefix(8)) + ["and \(sentences.count - 8) more"]
  }

  /// Some names, and how many more there are.
  static func list(_ names: [String]) -> String {
    names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
  }

  static func nats(_ value: Double) -> String { "\(fixed(value, 2)) nats/token" }
  static func percent(_ value: Double) -> String { "\(fixed(value * 100, 1)) %" }
  static func quoted(_ text: String?) -> String { "\"\(text ?? "?")\"" }
}
