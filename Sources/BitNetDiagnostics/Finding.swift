/// One thing that was concluded about a model: a stable code, the evidence, and what to do next.
public struct Finding: Sendable, Codable, Hashable {
  /// How strongly the evidence supports the conclusion.
  public enum Certainty: String, Sendable, Codable {
    /// The evidence leaves no other explanation that is known.
    case certain
    /// The evidence points there; another explanation is possible.
    case likely
    /// The evidence does not suffice.
    case open
  }

  /// The code; it never changes its meaning.
  public var code: Code
  /// How sure it is.
  public var certainty: Certainty
  /// The figures that led to it, as sentences.
  public var evidence: [String]
  /// What to do next, as sentences with commands.
  public var nextSteps: [String]

  /// The codes of all conclusions; `docs/diagnosis.md` explains each.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// The evidence does not suffice for any other verdict.
    case inconclusive = "BN100"
    /// Predicts well in full precision and badly as a BitNet.
    case neverTrainedWithBitLinear = "BN101"
    /// Predicts well as a BitNet.
    case bitNetTrained = "BN102"
    /// Predicts hardly better than chance, or its trainer says that it has barely begun.
    case undertrained = "BN103"
    /// The weights are ternary in the file and must not be quantized again.
    case alreadyQuantized = "BN104"
    /// Predicts well with ternary weights and badly once activations are int8.
    case activationOutliers = "BN105"
    /// Weights or norms that cannot be right: not finite, or zero throughout.
    case damaged = "BN201"
    /// Predicts worse than chance though its weights look sound.
    case wrongArithmetic = "BN202"

    /// The logs of the training run show nothing amiss.
    case trainingSound = "BN600"
    /// The run has done no step.
    case trainingNeverBegan = "BN601"
    /// The run has done few steps.
    case fewSteps = "BN602"
    /// The run ended before the tokens or steps that were planned.
    case stoppedEarly = "BN603"
    /// The loss of the next token was off.
    case noCrossEntropy = "BN604"
    /// The loss of the next token was on and did not fall, or stopped falling too high.
    case lossNotFalling = "BN605"
    /// The loss became no number, or rose far above its lowest.
    case diverged = "BN606"
    /// The learning rate is not that of the schedule that was asked for.
    case scheduleNeverRan = "BN607"
    /// The model was not fully quantized when training ended.
    case lambdaBelowOne = "BN608"
    /// The curriculum ran ahead of the steps.
    case curriculumTooFast = "BN609"
    /// States, logs and names that cannot all be of the same run.
    case contradictoryState = "BN610"
    /// A checkpoint that would run code when Python loads it.
    case codeInPickle = "BN611"

    /// The conclusion in a few words.
    public var title: String {
      switch self {
      case .inconclusive: "inconclusive"
      case .neverTrainedWithBitLinear: "full-precision model, never trained with BitLinear"
      case .bitNetTrained: "BitNet-trained"
      case .undertrained: "undertrained"
      case .alreadyQuantized: "already quantized"
      case .activationOutliers: "trained with ternary weights, but not with int8 activations"
      case .damaged: "damaged"
      case .wrongArithmetic: "computed wrongly or damaged: worse than chance"
      case .trainingSound: "training went as planned, as far as its logs tell"
      case .trainingNeverBegan: "training never began"
      case .fewSteps: "trained for few steps only"
      case .stoppedEarly: "training ended before its budget"
      case .noCrossEntropy: "the cross-entropy loss was never on"
      case .lossNotFalling: "the cross-entropy loss did not fall"
      case .diverged: "the loss diverged"
      case .scheduleNeverRan: "the learning-rate schedule that was asked for never ran"
      case .lambdaBelowOne: "training ended before the model was fully quantized"
      case .curriculumTooFast: "the curriculum ran ahead of the training"
      case .contradictoryState: "files of the training run contradict each other"
      case .codeInPickle: "a checkpoint would run code when it is loaded"
      }
    }
  }
}
