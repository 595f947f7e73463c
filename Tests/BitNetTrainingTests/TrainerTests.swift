#if Training
import BitNet
import BitNetConversion
import BitNetTraining
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing
import TrainingKernels

@Suite struct TrainerTests {
  @Test func `a run that pauses and goes on ends with the bits of one that does not`() throws {
    let whole = try TinyRun(), halves = try TinyRun()
    _ = try whole.trainer(whole.configuration()).run()
    let paused = try halves.trainer(halves.configuration(), stopAfter: 3).run()
    #expect(paused.ending == .paused && paused.steps == 3)
    let report = try halves.trainer(halves.configuration(), resume: "latest").run()
    #expect(report.ending == .finished && report.steps == 6)
    for name in ["model.safetensors", "optimizer.safetensors"] {
      let both = [whole, halves].map { FileManager.default.contents(atPath: "\($0.output)/step-000006/\(name)") }
      try #require(both[0] != nil)
      #expect(both[0] == both[1], "\(name) differs")
    }
    let logs = try [whole, halves].map { run in
      try TrainingLog.lines(path: "\(run.output)/log.jsonl").map { line in
        var line = line
        (line.seconds, line.tokensPerSecond) = (0, nil)
        return line
      }
    }
    #expect(logs[0].count == 9)
    #expect(logs[0] == logs[1])
  }

  @Test func `what was trained is what the converted file computes`() throws {
    let run = try TinyRun()
    let trainer = try run.trainer(run.configuration("max_steps=20"))
    _ = try trainer.run()
    let checkpoint = try Checkpoint(path: "\(run.output)/final")
    let file = "\(run.folder.path)/model.gguf"
    _ = try Conversion.run(checkpoint, to: file, options: ConversionOptions())
    let session = try Model(contentsOf: URL(filePath: file)).makeSession()

    var tokens = [5, 17, 40, 9]
    let model = trainer.model
    model.prepareStep()
    for _ in 0..<64 {
      var pass = TrainingPass()
      pass.tokens = tokens
      pass.positions = Array(tokens.indices)
      pass.groups = [.causal(tokens.indices)]
      let hidden = model.forward(pass, keepsActivations: false)
      let trained = model.logits(rows: [tokens.count - 1], of: hidden).copy(row: 0)
      let served = try session.logits(after: tokens)
      #expect(cosine(trained, served) > 0.999_999)
      let choice = try #require(trained.indices.max { trained[$0] < trained[$1] })
      #expect(choice == served.indices.max { served[$0] < served[$1] })
      tokens.append(choice)
    }
  }

  @Test func `a tensor that no objective reaches is named`() throws {
    let run = try TinyRun()
    let dense = TestFiles.goldenPath("trained/tiny-dense")
    let yaml = """
      run: {output_dir: run}
      model: {pretrained: \(dense)}
      teacher: {path: \(dense)}
      data: {sources: [{paths: train.txt}]}
      max_seq_length: 32
      batch_size: 2
      gradient_accumulation_steps: 1
      max_steps: 2
      objectives:
        continue_pretrain: {enabled: false}
        attention_distill: {enabled: true, layer: 0, split_heads: 4}
      """
    let configuration = try TrainingConfiguration(yaml: yaml, directory: run.folder.path)
    let error = try #require(throws: RunError.self) { try run.trainer(configuration).run() }
    guard case .noGradient(let tensor) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(tensor.hasPrefix("blk.0") || tensor.hasPrefix("blk.1") || tensor.hasPrefix("output"))
  }

  @Test func `another configuration is refused by the names of its keys`() throws {
    let run = try TinyRun()
    _ = try run.trainer(run.configuration(), stopAfter: 3).run()
    let error = try #require(throws: RunError.self) {
      try run.trainer(run.configuration("optimizer.lr=0.1"), resume: "latest")
    }
    guard case .changedConfiguration(_, let differences) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(differences == ["optimizer.lr is 0.1, was 0.003"])
    let allowed = TrainerOptions(resume: "latest", allowsChangedConfiguration: true, threads: 2)
    _ = try Trainer(run.configuration("optimizer.lr=0.1"), options: allowed)
    _ = try run.trainer(run.configuration("logging.log_interval=5"), resume: "latest")
  }

  @Test func `a folder that holds a run is not begun anew`() throws {
    let run = try TinyRun()
    _ = try run.trainer(run.configuration(), stopAfter: 3).run()
    #expect(throws: RunError.notEmpty(folder: run.output, checkpoint: "step-000003")) {
      try run.trainer(run.configuration())
    }
  }

  @Test func `one process at a time trains in a folder`() throws {
    let run = try TinyRun()
    let first = try RunFolder(path: run.output)
    #expect(throws: RunError.busy(folder: run.output)) { try RunFolder(path: run.output) }
    withExtendedLifetime(first) {}
  }

  @Test func `a run that is told to stop saves the step at hand`() throws {
    let run = try TinyRun()
    var steps = 0
    let report = try run.trainer(run.configuration()).run(
      isCancelled: { steps >= 2 }, onEvent: { if case .step = $0 { steps += 1 } })
    #expect(report.ending == .interrupted)
    #expect(report.checkpoint == "\(run.output)/step-000002")
    #expect(RunFolder.checkpoints(in: run.output).map(\.step) == [2])
  }

  @Test func `the best checkpoint and the last ones at the interval are kept`() throws {
    let run = try TinyRun()
    let folder = try RunFolder(path: run.output)
    for step in [0, 2, 3, 4, 6, 7, 9] {
      try FileManager.default.createDirectory(atPath: folder.checkpoint(step: step), withIntermediateDirectories: true)
      try run.folder.write(
        "run/\(URL(filePath: folder.checkpoint(step: step)).lastPathComponent)/trainer_state.json", "{}")
    }
    try folder.removeCheckpoints(keepingLast: 2, interval: 3, best: 2)
    #expect(RunFolder.checkpoints(in: run.output).map(\.step) == [2, 6, 9])
    try folder.markBest(step: 2)
    try folder.markBest(step: 6)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(run.output)/best") == "step-000006")
    #expect(try RunFolder.resolve("latest", in: run.output) == folder.checkpoint(step: 9))
    #expect(try RunFolder.resolve("6", in: run.output) == folder.checkpoint(step: 6))
    #expect(throws: RunError.self) { try RunFolder.resolve("8", in: run.output) }
  }

  @Test func `a damaged checkpoint is refused with what it lacks`() throws {
    let run = try TinyRun()
    _ = try run.trainer(run.configuration(), stopAfter: 3).run()
    let checkpoint = "\(run.output)/step-000003"
    try FileManager.default.removeItem(atPath: "\(checkpoint)/optimizer.safetensors")
    let error = try #require(throws: RunError.self) { try run.trainer(run.configuration(), resume: "latest") }
    #expect("\(error)".contains("optimizer.safetensors"))
    try run.folder.write("run/step-000003/trainer_state.json", "{\"global_step\": 3}")
    let other = try #require(throws: RunError.self) { try run.trainer(run.configuration(), resume: "latest") }
    #expect("\(other)".contains("is missing"))
  }

  private func cosine(_ first: [Float], _ second: [Float]) -> Double {
    let dot = zip(first, second).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    func length(_ values: [Float]) -> Double { values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
    return dot / (length(first) * length(second))
  }
}
#endif
