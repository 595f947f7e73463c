#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Everything about a training run that can be chosen, read from one YAML file. docs/training.md lists the keys.
package struct TrainingConfiguration: Sendable {
  /// The file it was read from.
  package let file: String
  package let run: Run
  package let model: Model
  /// The folder or file of the tokenizer; absent where the pretrained model's own is taken.
  package let tokenizer: String?
  package let autoConvert: AutoConvert
  package let data: Data
  package let packing: Packing
  package let optimizer: Optimizer
  package let scheduler: Scheduler
  /// The budget in source tokens.
  package let totalTokens: Int?
  /// The number of optimizer steps, if it is not to follow from the budget.
  package let maxSteps: Int?
  /// Tokens of a sequence.
  package let maxSequenceLength: Int
  /// Sequences of a micro-batch.
  package let batchSize: Int
  /// Micro-batches of a step.
  package let gradientAccumulationSteps: Int
  /// The largest norm of the whole gradient; 0 leaves it alone.
  package let gradientClipping: Double
  /// Whether activations are computed again instead of kept.
  package let gradientCheckpointing: Bool
  package let lambdaWarmup: Lambda
  package let objectives: Objectives
  package let curriculum: Phases
  /// The model that distillation learns from.
  package let teacher: String?
  package let checkpoint: Checkpoints
  package let logging: Logging
  package let validation: Validation
  /// The checkpoint to go on from.
  package let resumeCheckpoint: String?
  package let earlyStopping: EarlyStopping
  /// All keys in the order of the documentation, with what each is.
  package let keys: [ConfigurationKey]

  /// Reads a file and changes it by arguments such as `optimizer.lr=1e-3` or `training.max_steps=100`.
  ///
  /// - Throws: ``TrainingConfigurationError`` with everything that is wrong.
  package static func load(
    path: String, overrides: [String] = []
  ) throws(TrainingConfigurationError) -> TrainingConfiguration {
    guard let contents = FileManager.default.contents(atPath: path) else {
      throw TrainingConfigurationError([
        .init(place: path, key: "", text: "the configuration cannot be read; is it there, and a file?")
      ])
    }
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    return try TrainingConfiguration(
      yaml: String(decoding: contents, as: UTF8.self), file: path,
      directory: folder.isEmpty && path.hasPrefix("/") ? "/" : folder, overrides: overrides)
  }

  /// - Parameters:
  ///   - file: what messages call the text.
  ///   - directory: where its relative paths begin.
  package init(
    yaml: String, file: String = "configuration", directory: String = "", overrides: [String] = []
  ) throws(TrainingConfigurationError) {
    let reader = ConfigurationReader(file: file, directory: directory)
    var root: ConfigurationNode
    do {
      root = try ConfigurationNode.parse(yaml: yaml) { .line($0) }
    } catch {
      throw TrainingConfigurationError([.init(place: file, key: "", text: error.text)])
    }
    for override in overrides {
      do {
        try root.apply(override: override)
      } catch {
        throw TrainingConfigurationError([.init(place: override, key: "", text: error.text)])
      }
    }
    self.init(root, reader: reader)
    reader.checkUnknownKeys(elsewhere: Self.notOffered)
    checkTogether(reader)
    guard reader.problems.isEmpty else { throw TrainingConfigurationError(reader.problems) }
  }

  /// Every key with what it may be, its default and its meaning.
  package static var reference: [ConfigurationKey] {
    let reader = ConfigurationReader(file: "", directory: "", isReference: true)
    return TrainingConfiguration(nil, reader: reader).keys
  }

  private init(_ node: ConfigurationNode?, reader: ConfigurationReader) {
    file = reader.file
    let root = ConfigurationSection(node, path: "", reader: reader)
    run = Run(root.section("run"))
    model = Model(root.section("model"))
    let tokenizerSection = root.section("tokenizer")
    tokenizer = tokenizerSection.value(
      "path", tokenizerSection.pathKind, absence: "the pretrained model's",
      "The tokenizer: a folder, a `tokenizer.json` or a GGUF file")
    autoConvert = AutoConvert(root.section("auto_convert"))
    data = Data(root.section("data"))
    packing = Packing(root.section("packing"))
    optimizer = Optimizer(root.section("optimizer"))
    scheduler = Scheduler(root.section("scheduler"))
    totalTokens = root.value(
      "total_tokens", .integer(1...(.max)), absence: "`max_steps` says it",
      "The budget in source tokens: neither padding nor second views count")
    maxSteps = root.value(
      "max_steps", .integer(1...(1 << 40)), absence: "`total_tokens` / tokens per step, rounded down",
      "The number of optimizer steps; wins over `total_tokens`")
    maxSequenceLength = root.value("max_seq_length", .integer(2...(1 << 20)), default: 2048, "Tokens of a sequence")
    batchSize = root.value("batch_size", .integer(1...(1 << 16)), default: 32, "Sequences of a micro-batch")
    gradientAccumulationSteps = root.value(
      "gradient_accumulation_steps", .integer(1...(1 << 20)), default: 16, "Micro-batches of an optimizer step")
    gradientClipping = root.value(
      "gradient_clipping", .number(0...(.infinity)), default: 1,
      "The largest norm of the whole gradient; longer ones are scaled down, 0 leaves all alone")
    gradientCheckpointing = root.value(
      "gradient_checkpointing", .flag, default: false,
      "Compute activations again on the way back instead of keeping them: less memory, about a third more time")
    lambdaWarmup = Lambda(root.section("lambda_warmup"))
    objectives = Objectives(root.section("objectives"))
    curriculum = Phases(root.section("curriculum"))
    let teacherSection = root.section("teacher")
    teacher = teacherSection.value(
      "path", teacherSection.pathKind, absence: "none", "The model that distillation learns from: a file or folder")
    checkpoint = Checkpoints(root.section("checkpoint"))
    logging = Logging(root.section("logging"))
    validation = Validation(root.section("validation"))
    let resume = root.section("resume")
    resumeCheckpoint = resume.value(
      "checkpoint_path", resume.pathKind, absence: "none",
      "A checkpoint to go on from: weights, optimizer, schedules, place in the data, all of it")
    earlyStopping = EarlyStopping(root.section("early_stopping"))
    keys = reader.keys
  }
}
