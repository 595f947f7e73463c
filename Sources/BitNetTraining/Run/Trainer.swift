import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization
package import TrainingKernels

/// Trains a model as a configuration says, alone or together with other processes.
///
/// A step is a function of the configuration, the seed, the weights, the optimizer's state and the place in the data:
/// whatever else there is, such as logs, validations and signals, leaves no trace in the numbers.
package final class Trainer {
  /// What the run will do.
  package let plan: TrainingPlan

  /// What is trained.
  package var model: TrainableModel { parts.model }

  let configuration: TrainingConfiguration
  let options: TrainerOptions
  let communicator: any Communicator
  let parts: TrainingParts
  /// `nil` in dry runs and in all processes but the first.
  let folder: RunFolder?
  var state: CheckpointState
  /// The losses of the last step and of the last validation.
  var lastLosses: [String: Double] = [:]
  var lastEvaluation: [String: Double] = [:]
  /// The last checkpoint written or continued from.
  var lastCheckpoint: String?
  private var log: TrainingLog?
  private var board: TensorBoardWriter?
  private var clock = RunClock()
  /// The steps that were done before this process.
  private var firstStep = 0

  private static let stepsToEstimate = 5

  /// Prepares a run: data, model, optimizer, and where it goes on, all of a checkpoint.
  ///
  /// - Throws: ``RunError``, and what reading models, tokenizers and data throws.
  package init(
    _ configuration: TrainingConfiguration, options: TrainerOptions = TrainerOptions(),
    communicator: any Communicator = SingleProcess()
  ) throws {
    self.configuration = configuration
    self.options = options
    self.communicator = communicator
    let output = configuration.run.outputDirectory
    let isWriter = communicator.rank == 0 && !options.isDryRun
    folder = isWriter ? try RunFolder(path: output) : nil
    // The others look for checkpoints when the first one has cleaned up.
    _ = communicator.sum([0])
    let resumed = try (options.resume ?? configuration.resumeCheckpoint)
      .map { try RunFolder.resolve($0, in: output) }
    if resumed == nil, isWriter, let last = RunFolder.checkpoints(in: output).last {
      throw RunError.notEmpty(folder: output, checkpoint: NewFile.split(last.path).name)
    }
    let threads = options.threads ?? configuration.run.threads
    parts = try TrainingParts(
      configuration, threads: threads ?? (communicator.neighbours > 1 ? 1 : nil), ranks: communicator.size)
    plan = TrainingPlan(configuration, parts: parts, ranks: communicator.size, resumedFrom: resumed)
    state = CheckpointState(configuration, parts: parts, ranks: communicator.size)
    if let resumed { try load(resumed) }
  }

  /// Trains to the end.
  ///
  /// - Parameter isCancelled: asked after every step; the run is saved before it ends.
  /// - Throws: ``RunError`` when it cannot go on, `FormatError` when it cannot be saved.
  package func run(
    isCancelled: () -> Bool = { false }, onEvent: (TrainingEvent) -> Void = { _ in }
  ) throws -> TrainingReport {
    // A run of hours is what people start with `nice`.
    stepBack(by: 0)
    if let folder {
      log = try TrainingLog(folder: folder.path, after: state.globalStep)
      if configuration.logging.writesTensorBoard {
        board = try TensorBoardWriter(
          folder: folder.path, resumedFrom: state.globalStep > 0 ? state.globalStep : nil)
      }
    }
    firstStep = state.globalStep
    clock.begin(seconds: state.seconds, tokens: state.tokensSeen)
    while state.globalStep < plan.steps, !stopsEarly {
      if let ending = isHalted(isCancelled) {
        try save(onEvent: onEvent)
        return report(ending)
      }
      let result = try step(onEvent: onEvent)
      try finish(result, onEvent: onEvent)
    }
    try save(onEvent: onEvent)
    try saveFinal(onEvent: onEvent)
    return report(state.globalStep < plan.steps ? .stoppedEarly : .finished)
  }

  /// Whether the run ends here although there is more to do. All processes must end at the same step, whichever of them
  /// was told to.
  private func isHalted(_ isCancelled: () -> Bool) -> TrainingReport.Ending? {
    if communicator.sum([isCancelled() ? 1 : 0])[0] > 0 { return .interrupted }
    return options.stopAfter.map { state.globalStep >= $0 } == true ? .paused : nil
  }

  /// What follows a step: the log, validation and checkpoints, where they are due.
  private func finish(_ result: StepResult, onEvent: (TrainingEvent) -> Void) throws {
    let done = state.globalStep
    state.seconds = clock.seconds
    lastLosses = result.losses
    let progress = clock.progress(result, done: done, of: plan.steps, tokens: state.tokensSeen)
    onEvent(.step(progress))
    if done == firstStep + Trainer.stepsToEstimate, let left = progress.secondsLeft {
      onEvent(.estimated(seconds: state.seconds + left))
    }
    if done.isMultiple(of: configuration.logging.interval) || done == 1 || done == plan.steps {
      state.note(.init(step: done, loss: result.loss, learningRate: result.learningRate))
      try write(result.line(state: state, tokensPerSecond: clock.lap(tokens: state.tokensSeen)), onEvent: onEvent)
    }
    var isBest = false
    if isEvaluationDue {
      clock.pause()
      isBest = try evaluate(after: result, onEvent: onEvent)
      clock.resume()
    }
    let interval = configuration.checkpoint.saveInterval
    if isBest || (interval > 0 && done.isMultiple(of: interval) && done < plan.steps) {
      clock.pause()
      try save(onEvent: onEvent)
      clock.resume()
    }
  }

  /// Adds a line to the logs.
  func write(_ line: TrainingLogLine, onEvent: (TrainingEvent) -> Void) throws {
    try log?.append(line)
    let prefix = line.kind.rawValue
    var scalars = line.losses.sorted { $0.key < $1.key }.map { (tag: "\(prefix)/loss/\($0)", value: $1) }
    scalars.append((tag: "\(prefix)/loss", value: line.loss))
    scalars += (line.perplexities ?? [:]).sorted { $0.key < $1.key }.map {
      (tag: "\(prefix)/perplexity/\($0)", value: $1)
    }
    if line.kind == .train {
      scalars += line.weights.sorted { $0.key < $1.key }.map { (tag: "objective_weight/\($0)", value: $1) }
      scalars.append((tag: "learning_rate", value: line.learningRate))
      scalars.append((tag: "lambda", value: line.lambda))
      scalars.append((tag: "tokens", value: Double(line.tokens)))
      if let norm = line.gradientNorm { scalars.append((tag: "gradient_norm", value: norm)) }
      if let speed = line.tokensPerSecond { scalars.append((tag: "tokens_per_second", value: speed)) }
    }
    try board?.add(scalars, step: line.step)
    onEvent(.logged(line, steps: plan.steps))
  }

  private var isEvaluationDue: Bool {
    let validation = configuration.validation
    guard validation.isEnabled, !parts.data.validation.isEmpty else { return false }
    return state.globalStep.isMultiple(of: validation.interval) || state.globalStep == plan.steps
  }

  private var stopsEarly: Bool {
    let early = configuration.earlyStopping
    return early.isEnabled && state.evaluations >= early.minimumEvaluations
      && state.evaluationsWithoutGain >= early.patience
  }

  private func report(_ ending: TrainingReport.Ending) -> TrainingReport {
    TrainingReport(
      ending: ending, steps: state.globalStep, plannedSteps: plan.steps, tokens: state.tokensSeen,
      seconds: state.seconds, tokensPerSecond: clock.overallSpeed(tokens: state.tokensSeen), losses: lastLosses,
      evaluation: lastEvaluation, bestEvalLoss: state.bestEvalLoss, bestStep: state.bestStep,
      checkpoint: lastCheckpoint,
      finalPath: ending == .interrupted || ending == .paused ? nil : folder.map { "\($0.path)/final" })
  }
}
