import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

/// Runs that differ from a sound one in one thing each, logged as the trainer here logs.
@Suite struct TrainingRulesTests {
  /// A run of the plan of `Tests/Golden/make_run_golden.py` as a `trainer_state.json`.
  private struct Run {
    var steps = 9536
    var total = 9536
    var every = 100
    var schedule = "wsd"
    var objectives = #"{"continue_pretrain": {"enabled": true, "weight": 1}, "dlm": {"enabled": true, "weight": 0.5}}"#
    var head = ""
    var rate: (Double) -> Double = { step in
      0.02 * (step < 550 ? step / 550 : min(1, (9536 - step) / 1907.2))
    }
    var lambda: (Double) -> Double = { min(1, $0 / 500) }
    var loss: (Double) -> Double = { 3.1 + 7.6 * exp(-$0 / 500) }
    /// The weight of the objective dlm.
    var weight: (Double) -> Double = Run.dlmWeight

    /// 0 until 0.1 of the training, 0.3 at 0.3, 0.5 at 0.8, 1 at the end.
    static func dlmWeight(at step: Double) -> Double {
      let corners = [(0.1, 0.0), (0.3, 0.3), (0.8, 0.5), (1, 1)], progress = min(1, step / 9536)
      for (before, after) in zip(corners, corners.dropFirst()) where progress <= after.0 {
        return before.1 + max(0, progress - before.0) / (after.0 - before.0) * (after.1 - before.1)
      }
      return 1
    }

    func text() -> String {
      var log: [String] = []
      for step in stride(from: every, through: steps, by: every).map(Double.init) {
        let loss = loss(step)
        log.append(
          """
          {"step": \(Int(step)), "loss": \(loss.isNaN ? "NaN" : "\(loss)"), "lr": \(rate(step)),
           "lambda": \(lambda(step)), "weights": {"dlm": \(weight(step))},
           "losses": {"continue_pretrain": \(loss.isNaN ? "NaN" : "\(loss)"), "dlm": \(4 + 6 * exp(-step / 900))}}
          """)
      }
      return """
        {"global_step": \(steps), "max_steps": \(total), "total_tokens": 10000000000, \(head)
         "batch_size": 32, "gradient_accumulation_steps": 16, "max_seq_length": 2048,
         "scheduler": {"type": "\(schedule)", "warmup_steps": 550, "decay_ratio": 0.2},
         "lambda_warmup": {"enabled": true, "warmup_steps": 500}, "objectives": \(objectives),
         "curriculum": {"enabled": true, "interpolation": "linear", "phases": [
           {"name": "warmup", "end_ratio": 0.1, "objectives": {"dlm": 0}},
           {"name": "dlm_ramp", "end_ratio": 0.3, "objectives": {"dlm": 0.3}},
           {"name": "main", "end_ratio": 0.8, "objectives": {"dlm": 0.5}},
           {"name": "dlm_focus", "end_ratio": 1, "objectives": {"dlm": 1}}]},
         "loss_history": [\(log.joined(separator: ",\n"))]}
        """
    }
  }

  private func diagnose(_ run: Run, name: String = "trainer_state.json") throws -> TrainingDiagnosis {
    let folder = try TemporaryFolder()
    try folder.write(name, run.text())
    return try #require(TrainingDiagnosis(of: folder.path))
  }

  private func codes(_ run: Run) throws -> [Finding.Code] { try diagnose(run).findings.map(\.code) }

  @Test(arguments: ["trainer_state.json", "training_state.json"])
  func `a run that went as planned is sound`(name: String) throws {
    let diagnosis = try diagnose(Run(), name: name)
    #expect(diagnosis.findings.map(\.code) == [.trainingSound], "\(diagnosis.findings)")
    #expect(diagnosis.training.curriculum?.speed == 1)
    #expect(diagnosis.training.loss?.direction == .falling)
    #expect(diagnosis.training.lambda == 1)
  }

  @Test func `a run of no step never began`() throws {
    var run = Run()
    run.steps = 0
    run.head = #""best_eval_loss": Infinity,"#
    let diagnosis = try diagnose(run)
    #expect(diagnosis.verdict.code == .trainingNeverBegan && diagnosis.verdict.certainty == .certain)
    #expect(diagnosis.verdict.evidence.contains { $0.contains("inf") })
  }

  @Test func `100 steps are few`() throws {
    var run = Run()
    run.steps = 100
    run.every = 10
    let findings = try diagnose(run).findings
    #expect(findings.contains { $0.code == .fewSteps && $0.evidence.contains { $0.contains("1.05 %") } }, "\(findings)")
    #expect(!findings.contains { $0.code == .stoppedEarly })
  }

  @Test func `a run that ended at 37.75 % of its tokens ended early, and its rate had not fallen yet`() throws {
    var run = Run()
    run.steps = 3600
    let finding = try #require(try diagnose(run).findings.first)
    #expect(finding.code == .stoppedEarly)
    #expect(finding.evidence.contains { $0.contains("3,774,873,600 tokens of 10,000,000,000 (37.75 %)") })
    #expect(finding.evidence.contains { $0.contains("phase main") })
    #expect(finding.evidence.contains { $0.contains("100.00 % of its peak") })
  }

  @Test func `an objective of weight 0 is off`() throws {
    var run = Run()
    run.objectives = #"{"continue_pretrain": {"enabled": true, "weight": 0}, "dlm": {"enabled": true, "weight": 1}}"#
    let finding = try #require(try diagnose(run).findings.first)
    #expect(finding.code == .noCrossEntropy && finding.certainty == .certain)
  }

  @Test(arguments: [9.5, 7.0])
  func `a loss that stays where it was did not fall`(level: Double) throws {
    var run = Run()
    run.loss = { level + 0.01 * sin($0) }
    #expect(try codes(run) == [.lossNotFalling])
  }

  @Test func `a loss that stops falling at 7 nats is stuck`() throws {
    var run = Run()
    run.loss = { 7 + 4 * exp(-$0 / 200) }
    #expect(try codes(run) == [.lossNotFalling])
  }

  @Test func `a low and even loss, as in tuning, is no fault`() throws {
    var run = Run()
    run.loss = { 2.2 + 0.01 * sin($0) }
    #expect(try codes(run) == [.trainingSound])
  }

  @Test func `a loss that rises from its lowest diverged, and one that becomes no number`() throws {
    var run = Run()
    run.loss = { 3.1 + 7.6 * exp(-$0 / 500) + max(0, $0 - 6000) * 0.001 }
    let diagnosis = try diagnose(run)
    #expect(diagnosis.findings.map(\.code) == [.diverged], "\(diagnosis.findings)")
    run.loss = { $0 < 5000 ? 3.1 + 7.6 * exp(-$0 / 500) : .nan }
    let lost = try diagnose(run)
    #expect(lost.verdict.code == .diverged)
    #expect(lost.verdict.evidence.contains { $0.contains("step 5,000") })
  }

  @Test func `spikes that pass are likely trouble`() throws {
    var run = Run()
    run.loss = { 3.1 + 7.6 * exp(-$0 / 500) + ([4000, 5500, 7000].contains(Int($0)) ? 5 : 0) }
    let diagnosis = try diagnose(run)
    #expect(diagnosis.findings.map(\.code) == [.diverged] && diagnosis.verdict.certainty == .likely)
  }

  @Test(arguments: ["wsd", "cosine", "cosine_warmup", "linear"])
  func `a constant rate is none of these schedules`(schedule: String) throws {
    var run = Run()
    run.schedule = schedule
    run.rate = { _ in 0.02 }
    let diagnosis = try diagnose(run)
    #expect(diagnosis.findings.map(\.code) == [.scheduleNeverRan], "\(diagnosis.findings)")
    #expect(diagnosis.verdict.certainty == .certain)
    #expect(diagnosis.verdict.evidence.contains { $0.contains("0.0200") })
  }

  @Test func `a constant rate is what was asked for by that name, after the warm-up`() throws {
    var run = Run()
    run.schedule = "constant_with_warmup"
    run.rate = { 0.02 * min(1, $0 / 550) }
    #expect(try codes(run) == [.trainingSound])
  }

  @Test func `a constant rate shows while the warm-up is due, before the decay is`() throws {
    var run = Run()
    run.steps = 3600
    run.rate = { _ in 0.02 }
    #expect(try codes(run) == [.scheduleNeverRan, .stoppedEarly])
  }

  @Test func `a lambda below 1 at the end is named with its value`() throws {
    var run = Run()
    run.lambda = { min(0.6, $0 / 500) }
    let diagnosis = try diagnose(run)
    #expect(diagnosis.findings.map(\.code) == [.lambdaBelowOne])
    #expect(diagnosis.verdict.evidence.contains { $0.contains("0.6000") })
  }

  @Test func `a curriculum that counts each of 16 batches is 16 times too fast`() throws {
    var run = Run()
    run.steps = 3600
    run.weight = { Run.dlmWeight(at: 16 * $0) }
    let diagnosis = try diagnose(run)
    #expect(diagnosis.findings.map(\.code) == [.curriculumTooFast, .stoppedEarly], "\(diagnosis.findings)")
    #expect(diagnosis.training.curriculum?.speed == 16)
    #expect(diagnosis.training.curriculum?.loggedPhase == "dlm_focus")
    #expect(diagnosis.training.phase == "main")
  }

  @Test func `tokens counted twice are told from tokens seen`() throws {
    var run = Run()
    run.steps = 3600
    run.head = #""tokens_seen": 7549747200,"#
    let diagnosis = try diagnose(run)
    #expect(diagnosis.training.tokensSeen == 3_774_873_600)
    let finding = try #require(diagnosis.findings.last)
    #expect(finding.code == .contradictoryState)
    #expect(finding.evidence.contains { $0.contains("2.00 times") })
  }

  @Test func `a state far behind its log is stale`() throws {
    let folder = try TemporaryFolder()
    var run = Run()
    run.steps = 3600
    try folder.write("trainer_state.json", run.text())
    let writer = try TensorBoardWriter(folder: folder.path)
    for step in stride(from: 0, through: 8000, by: 50) { try writer.add([("train/grad_norm", 1)], step: step) }
    let diagnosis = try #require(TrainingDiagnosis(of: folder.path))
    #expect(diagnosis.findings.contains { $0.code == .contradictoryState && $0.evidence[0].contains("8,000") })
  }

  @Test func `logs beside a checkpoint count up to its step`() throws {
    let folder = try TemporaryFolder()
    let checkpoint = "\(folder.path)/step-300"
    try FileManager.default.createDirectory(atPath: checkpoint, withIntermediateDirectories: true)
    let writer = try TensorBoardWriter(folder: folder.path)
    for step in stride(from: 10, through: 1000, by: 10) {
      try writer.add([("train/loss", 1000 / Double(step))], step: step)
    }
    let training = try #require(TrainingEvidence(near: checkpoint))
    #expect(training.globalStep == 300)
    #expect(training.loss?.lastStep == 300)
    #expect(training.contradictions.isEmpty)
  }
}

/// What `bitnet train` writes into a run's folder.
@Suite struct OwnRunTests {
  @Test func `a configuration of paths and texts, and a log of lines, are read as such`() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "trainer_state.json",
      #"""
      {"global_step": 60, "max_steps": 240, "total_tokens": 245760, "ranks": 2, "phase": "first", "configuration": {
        "batch_size": "4", "gradient_accumulation_steps": "2", "max_seq_length": "64", "scheduler.type": "cosine",
        "scheduler.warmup_steps": "10", "curriculum.enabled": "true", "curriculum.phases.0.name": "first",
        "curriculum.phases.0.end_ratio": "0.5", "curriculum.phases.0.objectives.dlm": "0",
        "curriculum.phases.1.name": "second", "curriculum.phases.1.end_ratio": "1.0",
        "curriculum.phases.1.objectives.dlm": "1", "tokenizer": "cfd2"}}
      """#)
    var lines = ""
    for step in 1...60 {
      lines += """
        {"kind": "train", "step": \(step), "loss": \(9 - 0.05 * Double(step)), "learning_rate": 0.001,
        """.replacing("\n", with: "")
      lines +=
        #" "losses": {"continue_pretrain": \#(9 - 0.05 * Double(step))}, "weights": {"dlm": 0}, "lambda": 1}"# + "\n"
    }
    lines +=
      #"{"kind": "eval", "step": 60, "loss": 6.5, "losses": {"continue_pretrain": 6.5}}"# + "\n" + #"{"kind": "tr"#
    try folder.write("log.jsonl", lines)
    let diagnosis = try #require(TrainingDiagnosis(of: folder.path)), training = diagnosis.training
    #expect(training.tokensPerStep == 1024)
    #expect(training.tokensSeen == 61_440)
    #expect(training.budgetShare == 0.25)
    #expect(training.phase == "first" && training.curriculum?.phases == ["first", "second"])
    #expect(training.curriculum?.speed == 1)
    #expect(training.evaluationLoss?.last == 6.5)
    #expect(training.objectives.first { $0.name == "continue_pretrain" }?.trend?.points == 60)
    #expect(training.sources.map(\.kind) == [.lines, .trainerState])
    #expect(diagnosis.findings.contains { $0.code == .scheduleNeverRan }, "\(diagnosis.findings)")
  }
}
