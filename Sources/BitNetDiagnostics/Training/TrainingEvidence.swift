/// What the files in and near a folder tell about the training run that a model comes from, put together.
public struct TrainingEvidence: Sendable, Codable {
  /// A file, or the event files of one folder, that something was learned from.
  public struct Source: Sendable, Codable {
    /// What wrote it.
    public enum Kind: String, Sendable, Codable {
      /// `trainer_state.json` or `training_state.json`.
      case trainerState
      /// TensorBoard's event files.
      case tensorBoard
      /// The log or the summary of a run of Weights & Biases.
      case wandb
      /// A log of one JSON object a line.
      case lines
      /// A checkpoint of PyTorch or Lightning.
      case pyTorch
      /// Settings in YAML: `config.yaml` of Weights & Biases, `hparams.yaml` of Lightning.
      case settings
    }
    /// What wrote it.
    public var kind: Kind
    /// Where it lies.
    public var path: String
    /// The last step that it speaks of.
    public var lastStep: Int?
  }

  /// One of the losses that make up the training loss.
  public struct Objective: Sendable, Codable {
    /// The name.
    public var name: String
    /// Whether it was on, at least for a time; `nil` if nothing tells.
    public var isOn: Bool?
    /// Whether the configuration asks for it; `nil` if it does not mention it.
    public var isConfigured: Bool?
    /// The factor that it counted by last.
    public var weight: Double?
    /// The largest factor that was logged.
    public var largestWeight: Double?
    /// How it went; `nil` if it was not logged.
    public var trend: Trend?

    /// Whether it is the prediction of the next token, which teaches language.
    public var isCrossEntropy: Bool { SeriesRole.isCrossEntropy(name) }
  }

  /// The learning rate as it was asked for and as it was.
  public struct LearningRate: Sendable, Codable {
    /// The schedule by name, as configured.
    public var schedule: String?
    /// The first, largest and last logged rate.
    public var first: Double?
    /// The largest logged rate.
    public var largest: Double?
    /// The last logged rate.
    public var last: Double?
    /// Whether the logged rate never changed.
    public var isConstant: Bool
    /// How many rates were logged.
    public var points: Int
    /// The step at which the logged rate departs most from the schedule.
    public var departureStep: Int?
    /// The rate that the schedule has there, as a share of the largest.
    public var scheduledShare: Double?
    /// The rate that was logged there, as a share of the largest.
    public var loggedShare: Double?
  }

  /// The curriculum as configured, against the weights that were logged.
  public struct Curriculum: Sendable, Codable {
    /// The names of the phases in order.
    public var phases: [String]
    /// Where the logged weights are at the last step, in steps of the configured curriculum per step done; 1 if they are
    /// where they should be, 16 if 16 batches to a step are each counted; `nil` if the weights do not tell.
    public var speed: Double?
    /// The phase that the logged weights are in by then.
    public var loggedPhase: String?
  }

  /// A logged loss over the steps, thinned out to what a chart can show.
  public struct Curve: Sendable, Codable {
    /// The name of the objective, `all` or `held-out`.
    public var name: String
    /// The steps, ascending.
    public var steps: [Int]
    /// The mean of the values around each step.
    public var values: [Double]
  }

  /// What was read.
  public var sources: [Source] = []
  /// Steps done.
  public var globalStep: Int?
  /// Steps planned.
  public var maximumSteps: Int?
  /// Tokens trained on.
  public var tokensSeen: Int?
  /// Tokens planned.
  public var totalTokens: Int?
  /// Tokens to a step, as configured: batch · accumulation · sequence length · processes.
  public var tokensPerStep: Int?
  /// The share of the planned tokens, or else steps, that were done.
  public var budgetShare: Double?
  /// The phase of the curriculum.
  public var phase: String?
  /// The losses that make up the training loss.
  public var objectives: [Objective] = []
  /// The training loss as a whole.
  public var loss: Trend?
  /// The loss on held-out data.
  public var evaluationLoss: Trend?
  /// All logged losses.
  public var curves: [Curve] = []
  /// The best loss on held-out data; infinite before the first evaluation.
  public var bestEvaluationLoss: Double?
  /// The learning rate.
  public var learningRate: LearningRate?
  /// The share of quantization mixed in at the end; `nil` if it was not logged.
  public var lambda: Double?
  /// The steps over which it was to rise to 1.
  public var lambdaSteps: Int?
  /// The curriculum; `nil` if none was configured.
  public var curriculum: Curriculum?
  /// What the sources say that cannot all be true.
  public var contradictions: [String] = []
  /// What loading the checkpoint files in Python would call that no checkpoint needs, as `FILE: NAME`.
  public var suspiciousCalls: [String] = []
  /// What could not be read.
  public var notes: [String] = []

  /// The loss on the next token: an objective of that kind, or the whole loss if nothing is known of its parts.
  public var crossEntropy: Objective? {
    if let found = objectives.filter(\.isCrossEntropy).max(by: { ($0.trend?.points ?? -1) < ($1.trend?.points ?? -1) })
    {
      return found
    }
    guard objectives.isEmpty, let loss else { return nil }
    return Objective(name: "loss", isOn: true, trend: loss)
  }
}
