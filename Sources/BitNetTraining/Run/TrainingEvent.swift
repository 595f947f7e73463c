/// What a run tells while it goes on.
package enum TrainingEvent {
  /// A step is done.
  case step(TrainingStep)
  /// A line was added to the log; with the number of steps planned.
  case logged(TrainingLogLine, steps: Int)
  /// After the first steps: the seconds that the run will take altogether, validation and saving not counted.
  case estimated(seconds: Double)
  /// The first step was checked.
  case checked(String)
  /// Held-out batches are being measured.
  case evaluating(done: Int, count: Int)
  /// A checkpoint is being written.
  case saving(String)
  /// A checkpoint is there.
  case saved(String)
}

/// One step of training, for a progress line.
package struct TrainingStep {
  /// The steps done.
  package var step: Int
  /// The steps planned.
  package var steps: Int
  /// The weighted sum of the losses.
  package var loss: Double
  /// The schedule's learning rate.
  package var learningRate: Double
  /// How far the linear layers are quantized, 0 to 1.
  package var lambda: Double
  /// Source tokens a second.
  package var tokensPerSecond: Double?
  /// The seconds that are left at this speed, validation and saving not counted.
  package var secondsLeft: Double?
}

/// How a run ended.
package struct TrainingReport: Encodable, Sendable {
  /// Why it ended.
  package enum Ending: String, Encodable, Sendable {
    /// All steps are done.
    case finished
    /// The validation loss no longer fell.
    case stoppedEarly = "stopped_early"
    /// Somebody asked for it.
    case interrupted
    /// It did the steps that it was to do for now.
    case paused
  }

  /// Why it ended.
  package var ending: Ending
  /// The optimizer steps done, those before a resume among them.
  package var steps: Int
  /// The steps planned.
  package var plannedSteps: Int
  /// The source tokens seen.
  package var tokens: Int
  /// The seconds of training.
  package var seconds: Double
  /// Source tokens a second, of this process' steps.
  package var tokensPerSecond: Double?
  /// The last training loss of each objective.
  package var losses: [String: Double]
  /// The last validation loss of each objective.
  package var evaluation: [String: Double]
  /// The lowest validation loss, and the step it was measured at.
  package var bestEvalLoss: Double?
  package var bestStep: Int?
  /// The last checkpoint.
  package var checkpoint: String?
  /// The model without the optimizer's state, when the run came to its end.
  package var finalPath: String?

  private enum CodingKeys: String, CodingKey {
    case ending, steps, tokens, seconds, losses, evaluation, checkpoint
    case plannedSteps = "planned_steps"
    case tokensPerSecond = "tokens_per_second"
    case bestEvalLoss = "best_eval_loss"
    case bestStep = "best_step"
    case finalPath = "final_path"
  }
}

/// How a run is started, beside its configuration.
package struct TrainerOptions {
  /// The checkpoint to go on from: see `RunFolder.resolve(_:)`; `nil` begins anew.
  package var resume: String?
  /// Whether a checkpoint of other settings may be continued.
  package var allowsChangedConfiguration = false
  /// The number of threads; `nil` takes all processors, or one where processes share the machine.
  package var threads: Int?
  /// The step to save and pause at; `nil` trains to the end.
  package var stopAfter: Int?
  /// Whether nothing is trained, and nothing written.
  package var isDryRun = false
  /// The program and its version.
  package var tool = "swift-bitnet"

  package init(
    resume: String? = nil, allowsChangedConfiguration: Bool = false, threads: Int? = nil, stopAfter: Int? = nil,
    isDryRun: Bool = false, tool: String = "swift-bitnet"
  ) {
    self.resume = resume
    self.allowsChangedConfiguration = allowsChangedConfiguration
    self.threads = threads
    self.stopAfter = stopAfter
    self.isDryRun = isDryRun
    self.tool = tool
  }
}
