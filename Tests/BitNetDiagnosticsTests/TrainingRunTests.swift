import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

/// Runs as the real packages log them: Tests/Golden/make_run_golden.py.
@Suite struct TrainingRunTests {
  private func diagnose(_ path: String) throws -> TrainingDiagnosis {
    try #require(TrainingDiagnosis(of: TestFiles.goldenPath("runs/\(path)")))
  }

  @Test(
    arguments: [
      ("ce-on", [] as [Finding.Code]), ("ce-off", [.noCrossEntropy]), ("diverging", [.diverged]),
    ], ["by-wandb", "by-tensorboard"])
  func `loss on, off and lost are told apart`(run: (kind: String, codes: [Finding.Code]), writer: String) throws {
    let diagnosis = try diagnose("\(run.kind)/\(writer)")
    // Only W&B's log has the configuration, and with it the budget of which the runs did 37.75 %.
    let rest: [Finding.Code] =
      writer == "by-wandb" ? [.stoppedEarly] : run.codes.isEmpty ? [.trainingSound] : []
    #expect(diagnosis.findings.map(\.code) == run.codes + rest, "\(diagnosis.findings)")
    #expect(diagnosis.training.notes.isEmpty)
  }

  @Test func `steps become tokens and a share of the budget`() throws {
    let training = try diagnose("ce-on/by-wandb").training
    #expect(training.globalStep == 3600)
    #expect(training.tokensPerStep == 1_048_576)
    #expect(training.tokensSeen == 3_774_873_600)
    #expect(training.maximumSteps == 9536)
    #expect(training.budgetShare.map { abs($0 - 0.3775) < 1e-4 } == true)
    #expect(training.phase == "main")
    #expect(training.summary.hasPrefix("37.75 % of the token budget, CE loss on, falling"))
    #expect(training.summary.contains("phase main"))
    #expect(training.curriculum?.speed == 1)
    #expect(training.objectives.map(\.name) == ["continue_pretrain", "dlm", "layerwise_distill"])
    #expect(training.objectives.map(\.isOn) == [true, true, false])
    #expect(training.learningRate?.schedule == "wsd" && training.learningRate?.isConstant == false)
  }

  @Test func `where a loss was lost is named by its step`() throws {
    let loss = try #require(try diagnose("diverging/by-tensorboard").training.crossEntropy?.trend)
    #expect(loss.direction == .diverged)
    #expect(loss.nonFinite == 7 && loss.firstNonFiniteStep == 2400)
    #expect(loss.lowestStep == 1800)
  }

  @Test func `a checkpoint of Lightning alone gives steps and schedule`() throws {
    let diagnosis = try diagnose("lightning")
    #expect(diagnosis.verdict.code == .fewSteps)
    #expect(diagnosis.training.sources.map(\.kind) == [.pyTorch])
    #expect(diagnosis.training.learningRate?.schedule == "cosine")
  }

  /// What W&B's service gives for a download; the log itself stays where the run was.
  @Test func `settings and summary of a run of W&B say what was on, and how far it came`() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "wandb/run-20260101_000000-x/files/config.yaml",
      """
      _wandb:
          value: {cli_version: 0.31.0, t: {"1": [1, 5]}}
      total_tokens: {desc: null, value: 10000000000}
      max_seq_length: {value: 2048}
      batch_size: {value: 32}
      gradient_accumulation_steps: {value: 16}
      objectives:
          value:
              continue_pretrain: {enabled: false, weight: 1.0}
              dlm: {enabled: true, weight: 0.5}
      """)
    try folder.write(
      "wandb/run-20260101_000000-x/files/wandb-summary.json",
      #"{"_runtime": 9.5, "_step": 17, "trainer/global_step": 3600, "train/dlm_loss": 4.25, "best": {"min": NaN}}"#)
    let diagnosis = try #require(TrainingDiagnosis(of: folder.path))
    #expect(diagnosis.verdict.code == .noCrossEntropy)
    #expect(diagnosis.training.globalStep == 3600)
    #expect(diagnosis.training.budgetShare.map { abs($0 - 0.3775) < 1e-4 } == true)
    #expect(diagnosis.training.sources.map(\.kind) == [.wandb, .settings])
    #expect(diagnosis.training.notes.isEmpty)
  }

  @Test func `settings of Lightning are read, whatever they name, and only if they end`() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "version_0/hparams.yaml",
      """
      total_tokens: 1_000
      max_steps: 100
      scheduler: {type: wsd}
      callback: !!python/object/apply:os.system ["touch /tmp/never"]
      """)
    try folder.write("version_0/trainer_state.json", #"{"global_step": 3}"#)
    let read = try #require(TrainingDiagnosis(of: folder.path))
    #expect(read.training.maximumSteps == 100 && read.training.notes.isEmpty)
    #expect(read.training.learningRate?.schedule == "wsd")
    var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<12 {
      bomb += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    try folder.write("version_0/hparams.yaml", bomb)
    let refused = try #require(TrainingDiagnosis(of: folder.path))
    #expect(refused.training.notes.count == 1, "\(refused.training.notes)")
    try folder.write("version_0/hparams.yaml", "a: [1, 2")
    #expect(try #require(TrainingDiagnosis(of: folder.path)).training.notes.count == 1)
  }

  @Test func `a folder that no trainer wrote to is no run`() throws {
    let folder = try TemporaryFolder()
    try folder.write("readme.txt", "nothing")
    #expect(TrainingDiagnosis(of: folder.path) == nil)
    #expect(TrainingEvidence(near: "/nonexistent") == nil)
  }

  @Test func `inspect describes a run without a model`() throws {
    let inspection = try Inspection(path: TestFiles.goldenPath("runs/ce-on/by-wandb"))
    #expect(inspection.format == "training run" && inspection.tensors.isEmpty)
    #expect(inspection.training?.summary?.contains("37.75 % of the token budget, CE loss on") == true)
    #expect(inspection.report().contains("37.75 % of the token budget"))
  }
}
