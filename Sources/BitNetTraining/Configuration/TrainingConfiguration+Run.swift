extension TrainingConfiguration {
  /// The run as such.
  package struct Run: Sendable {
    package let name: String
    package let outputDirectory: String
    package let seed: UInt64
    /// Absent: all processors.
    package let threads: Int?

    init(_ section: ConfigurationSection) {
      name = section.value("name", .text, default: "run", "What logs call the run")
      outputDirectory =
        section.value(
          "output_dir", section.pathKind, absence: "`runs/NAME` beside the file",
          "Where checkpoints and logs are written")
        ?? ConfigurationSection.join(section.reader.directory, "runs/\(name)")
      seed = UInt64(
        section.value("seed", .integer(0...(.max)), default: 0, "What all random numbers follow from"))
      threads = section.value(
        "threads", .integer(1...1024), absence: "all processors", "Threads; another number may change the last bits")
    }
  }

  /// What is kept on disk.
  package struct Checkpoints: Sendable {
    package enum Precision: String, Sendable, CaseIterable {
      case f32
      case bf16
    }

    package let saveInterval: Int
    package let keepLast: Int
    package let savesOptimizer: Bool
    package let precision: Precision

    init(_ section: ConfigurationSection) {
      saveInterval = section.value(
        "save_interval", .integer(0...(1 << 30)), default: 200, "Steps between checkpoints; 0 saves only at the end")
      keepLast = section.value("keep_last_n", .integer(1...(1 << 20)), default: 5, "Checkpoints that are kept")
      savesOptimizer = section.value(
        "save_optimizer", .flag, default: true, "Save what the optimizer remembers; a run cannot go on without it")
      precision = section.value(
        "dtype", .choice(), default: .f32, "How master weights are saved; a run goes on to the bit only from f32")
    }
  }

  /// What is told meanwhile.
  package struct Logging: Sendable {
    package let interval: Int
    package let writesTensorBoard: Bool

    init(_ section: ConfigurationSection) {
      interval = section.value("log_interval", .integer(1...(1 << 30)), default: 10, "Steps between lines of the log")
      writesTensorBoard = section.value("tensorboard", .flag, default: false, "Write the series for TensorBoard, too")
    }
  }

  /// How the model is judged meanwhile.
  package struct Validation: Sendable {
    package let isEnabled: Bool
    package let interval: Int
    package let batchLimit: Int
    package let batchSize: Int

    init(_ section: ConfigurationSection) {
      isEnabled = section.value("enabled", .flag, default: false, "Measure the loss on `data.validation`")
      interval = section.value(
        "val_check_interval", .integer(1...(1 << 30)), default: 500, "Steps between measurements")
      batchLimit = section.value("limit_val_batches", .integer(1...(1 << 20)), default: 50, "Batches of a measurement")
      batchSize = section.value("batch_size", .integer(1...(1 << 16)), default: 8, "Sequences of a batch")
    }
  }

  /// When a run has learnt all it can.
  package struct EarlyStopping: Sendable {
    package let isEnabled: Bool
    package let patience: Int
    package let minimumDelta: Double
    package let minimumEvaluations: Int

    init(_ section: ConfigurationSection) {
      isEnabled = section.value("enabled", .flag, default: false, "Stop when the validation loss no longer falls")
      patience = section.value("patience", .integer(1...(1 << 20)), default: 5, "Measurements without progress")
      minimumDelta = section.value("min_delta", .number(0...100), default: 0.01, "The least fall that is progress")
      minimumEvaluations = section.value(
        "min_evals", .integer(1...(1 << 20)), default: 10, "Measurements before it may stop")
    }
  }
}
