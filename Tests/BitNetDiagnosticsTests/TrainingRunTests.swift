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
