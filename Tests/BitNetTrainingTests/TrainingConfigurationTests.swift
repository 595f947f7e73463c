#if Training
import BitNetTraining
import Foundation
import TestSupport
import Testing

@Suite struct `A configuration` {
  @Test func `begins with the documented defaults`() throws {
    let configuration = try TrainingConfiguration(yaml: SmallConfiguration.yaml)
    #expect(configuration.optimizer.kind == .adamW && configuration.optimizer.adamRate == 1.5e-3)
    #expect(configuration.optimizer.betas == (0.9, 0.95))
    #expect(configuration.scheduler.kind == .twoStage && configuration.scheduler.secondStageDecay == 0)
    #expect(configuration.tokensPerStep == 1_048_576 && configuration.steps == 9536)
    let sizes = try #require(configuration.model.sizes)
    #expect(sizes.kvHeads == 4 && sizes.headSize == 16)
    #expect(configuration.objectives.continuePretrain.plan.isEnabled && !configuration.objectives.dlm.plan.isEnabled)
    #expect(configuration.resumeCheckpoint == nil)
  }

  @Test func `is changed by arguments`() throws {
    let configuration = try TrainingConfiguration(
      yaml: SmallConfiguration.yaml,
      overrides: [
        "training.max_steps=100", "objectives.dlm={enabled: true, mask_token: <|mask|>}", "objectives.dlm.weight=0.25",
        "data.sources.0.name=books", "data.sources.1={name: code, paths: [a, b]}", "optimizer.betas=[0.8, 0.9]",
        "run.seed=7", "batch_size=1_6", "total_tokens=null", "data.sources.1.weight=3",
      ])
    #expect(configuration.steps == 100 && configuration.totalTokens == nil && configuration.batchSize == 16)
    #expect(configuration.objectives.dlm.plan.weight == 0.25 && configuration.objectives.dlm.maskToken == "<|mask|>")
    #expect(configuration.objectives.dlm.maskProbability == nil)
    #expect(configuration.data.sources.map(\.name) == ["books", "code"])
    #expect(configuration.data.sources[1].paths.count == 2)
    #expect(configuration.data.shares(mixture: nil) == [0.25, 0.75])
    #expect(configuration.optimizer.betas == (0.8, 0.9) && configuration.run.seed == 7)
  }

  @Test func `takes paths from where they are written`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path + "/configs", withIntermediateDirectories: true)
    let path = try folder.write("configs/run.yaml", SmallConfiguration.yaml + "\nrun: {output_dir: ../out}\n")
    let configuration = try TrainingConfiguration.load(
      path: path, overrides: ["teacher.path=here/model", "resume.checkpoint_path=/abs"])
    let base = folder.path.split(separator: "/").joined(separator: "/")
    #expect(configuration.data.sources[0].paths == ["/\(base)/configs/web.txt"])
    #expect(configuration.run.outputDirectory == "/\(base)/out")
    #expect(configuration.teacher == FileManager.default.currentDirectoryPath + "/here/model")
    #expect(configuration.resumeCheckpoint == "/abs")
  }

  /// Each with what the message must have.
  @Test(arguments: [
    ("optimiser: {lr: 1}", [":8", "optimiser is not a key", "did you mean 'optimizer'?"]),
    ("optimizer: {\n  lr_mun: 1}", [":9", "optimizer.lr_mun is not a key", "'optimizer.lr_muon'", "weight_decay"]),
    ("warmup_steps: 5", ["warmup_steps is not a key", "'scheduler.warmup_steps'"]),
    ("optimizer: {type: sgd}", ["optimizer.type is 'sgd'", "adamw, muon"]),
    ("optimizer: {type: moun}", ["did you mean 'muon'?"]),
    ("scheduler: {type: WSD}", ["scheduler.type is 'WSD'", "constant, cosine, wsd, bitnet_two_stage"]),
    ("optimizer: {lr: fast}", ["optimizer.lr is 'fast', expected a number from 0 to 10"]),
    ("optimizer: {lr: -1}", ["'-1'", "from 0 to 10"]), ("optimizer: {lr: .nan}", ["'.nan'"]),
    ("optimizer: {betas: 0.9}", ["optimizer.betas is '0.9', expected a list: 2 times a number"]),
    ("optimizer: {betas: [0.9, x]}", ["optimizer.betas is a list"]),
    ("optimizer: {type: muon, lr: 1}", ["optimizer.lr is the rate of adamw"]),
    ("batch_size: 0", ["batch_size is '0', expected a whole number from 1"]),
    ("batch_size: 1.5", ["batch_size is '1.5'"]), ("batch_size: [1]", ["batch_size is a list"]),
    ("gradient_checkpointing: 2", ["true or false"]), ("optimizer: 3", ["optimizer is '3', expected a section"]),
    ("objectives: {gan: {enabled: true}}", ["objectives.gan is not a key", "layerwise_distill"]),
    ("objectives: {dlm: {enabled: true}}", ["objectives.dlm.mask_token is missing"]),
    ("objectives: {dlm: {mask_prob: 2}}", ["uniform or a number from 0.001 to 1"]),
    ("objectives: {logits_distill: {enabled: true}}", ["teacher.path is missing: objectives.logits_distill"]),
    ("objectives: {continue_pretrain: {enabled: false}}", ["nothing would be learnt"]),
    ("curriculum: {enabled: true}", ["curriculum.phases is empty"]),
    ("curriculum: {phases: {a: 1}}", ["curriculum.phases is a section of keys, expected a list of sections"]),
    (
      "curriculum: {phases: [{end_ratio: 0.5}, {end_ratio: 0.4}]}",
      ["curriculum.phases.1.end_ratio is 0.4, expected more than 0.5", "expected 1: the last phase"]
    ),
    (
      "curriculum: {enabled: true, phases: [{objectives: {dlm: 1}}]}",
      ["curriculum.phases.0.objectives.dlm is above 0, but objectives.dlm.enabled is false"]
    ),
    (
      "curriculum: {phases: [{objectives: {continue_pretrian: 1}}]}",
      ["did you mean 'curriculum.phases.0.objectives.continue_pretrain'"]
    ),
    ("curriculum: {phases: [{data_config: x}]}", ["curriculum.phases.0.data_config is 'x'", "data.mixtures: none"]),
    ("lambda_warmup: {schedule: step}", ["linear, cosine, sigmoid, exponential"]),
    ("lambda_warmup: {min: 0.5, max: 0.2}", ["lambda_warmup.min is 0.5"]),
    ("validation: {enabled: true}", ["data.validation is missing"]),
    ("early_stopping: {enabled: true}", ["needs validation.enabled"]),
    ("max_seq_length: 4096", [":8", "more than model.max_position_embeddings, 2048"]),
    ("packing: {enabled: false}", ["packing.enabled is false, but sequences are not padded here"]),
    ("torch_compile: true", ["torch_compile is not offered here", "PyTorch"]),
    ("batch_size: 1\nbatch_size: 2", ["is not YAML", "batch_size"]), ("a: [", ["is not YAML"]),
  ])
  func `that is wrong is refused with its place, its key and what is allowed`(extra: String, parts: [String]) throws {
    let error = try #require(throws: TrainingConfigurationError.self) {
      try TrainingConfiguration(yaml: SmallConfiguration.yaml + "\n" + extra, file: "run.yaml")
    }
    #expect(error.description.hasPrefix("run.yaml"))
    for part in parts { #expect(error.description.contains(part), "\(error)") }
  }

  @Test(arguments: [
    ("max_step=5", ["max_step=5: max_step is not a key", "'max_steps'"]), ("max_steps", ["expected KEY=VALUE"]),
    ("data.sources.3.name=x", ["data.sources is a list of 1", "'3'"]), ("total_tokens.x=1", ["no key 'x'"]),
    ("model.pretrained=a", ["model.hidden_size does not go with model.pretrained"]),
    ("model.num_key_value_heads=3", ["divisor of the 4 query heads"]), ("model.head_dim=5", ["even number"]),
    ("model.hidden_size=null", ["model.hidden_size is missing"]), ("tokenizer=null", ["tokenizer.path is missing"]),
    ("data=null", ["data.sources is missing"]), ("data.sources.0.paths=null", ["data.sources.0.paths is missing"]),
    ("data.mixtures.m.wbe=1", ["data.mixtures.m.wbe is no source", "web"]),
    ("total_tokens=1e5", ["less than the 1048576"]),
    ("total_tokens=null", ["total_tokens is missing, and so is max_steps"]),
    ("data.sources.1={name: web, paths: x}", ["data.sources.1.name is 'web', like another"]),
  ])
  func `is not changed by a wrong argument`(override: String, parts: [String]) throws {
    let error = try #require(throws: TrainingConfigurationError.self) {
      try TrainingConfiguration(yaml: SmallConfiguration.yaml, file: "run.yaml", overrides: [override])
    }
    for part in parts { #expect(error.description.contains(part), "\(error)") }
  }

  @Test func `tells everything that is wrong at once`() throws {
    let error = try #require(throws: TrainingConfigurationError.self) {
      try TrainingConfiguration(yaml: SmallConfiguration.yaml + "\nbatch_size: x\noptimizer: {lr: x, typ: muon}\n")
    }
    #expect(error.problems.map(\.key) == ["optimizer.lr", "batch_size", "optimizer.typ"])
  }

  @Test func `that cannot be read is named`() throws {
    let error = try #require(throws: TrainingConfigurationError.self) {
      try TrainingConfiguration.load(path: "/nowhere/run.yaml")
    }
    #expect(error.description.hasPrefix("/nowhere/run.yaml: the configuration cannot be read"))
  }
}
#endif
