extension Finding {
  /// The codes of all conclusions; `docs/diagnosis.md` explains each. 1xx: what the model is. 2xx: files and weights.
  /// 3xx: settings. 4xx: tokenizer and chat template. 5xx: behaviour. 6xx: the training run.
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
    /// Weights and norms are as a random initialization makes them.
    case neverTrained = "BN106"
    /// The weights are those of another model, but for a little.
    case sameAsReference = "BN107"
    /// Sub-norms whose gains are all exactly 1.
    case subNormsUntrained = "BN108"
    /// Predicts well as a BitNet only, and its files do not say that it is one.
    case undeclaredBitNet = "BN109"
    /// Weights of a model that learned something, made ternary afterwards.
    case ternarizedAfterwards = "BN110"

    /// Weights or norms that cannot be right: not finite, or zero throughout.
    case damaged = "BN201"
    /// Predicts worse than chance though its weights look sound.
    case wrongArithmetic = "BN202"
    /// A file that ends too early, is a placeholder, or is not there.
    case incompleteFile = "BN203"
    /// Tensors that the architecture needs are not there.
    case missingTensors = "BN204"
    /// Tensors that the architecture does not know.
    case unknownTensors = "BN205"
    /// Tensors of another shape than the configuration says.
    case wrongShapes = "BN206"
    /// Blocks or matrices with the same weights.
    case duplicatedTensors = "BN207"
    /// Rows of a matrix that are zero throughout.
    case deadRows = "BN208"
    /// A matrix whose scale is not that of its siblings.
    case scaleOutlier = "BN209"
    /// Scales used as their inverse.
    case scalesInverted = "BN210"
    /// Trits without their scales.
    case scalesLost = "BN211"
    /// Trits quantized a second time.
    case quantizedTwice = "BN212"
    /// Trits that are signs: no zeros.
    case signQuantized = "BN213"
    /// Trits made with the largest magnitude as scale: mostly zeros.
    case absmaxQuantized = "BN214"
    /// A matrix whose rows or columns do not fit those of its neighbours in the graph.
    case scrambledTensor = "BN215"
    /// Rows of queries and keys in the other order of rotary pairs.
    case rotaryOrder = "BN216"
    /// Packed rows unpacked in the wrong order.
    case packingOrder = "BN217"
    /// A tensor whose contents cannot be used.
    case unusableTensor = "BN218"
    /// A ternary embedding or output head.
    case ternaryHead = "BN219"
    /// Some linear layers are stored in another type than the rest.
    case mixedStorage = "BN220"
    /// A matrix of noise among matrices with structure.
    case noise = "BN221"
    /// A block without which the model predicts better.
    case harmfulBlock = "BN222"
    /// Differs from the reference model.
    case differsFromReference = "BN223"
    /// Trits with -1 and +1 exchanged.
    case negatedTrits = "BN224"

    /// `vocab_size` is not the number of embedding rows.
    case vocabularySize = "BN301"
    /// More tokens than embedding rows.
    case moreTokensThanRows = "BN302"
    /// Another activation function predicts better.
    case wrongActivation = "BN303"
    /// Another rotary base predicts better.
    case wrongRopeBase = "BN304"
    /// Another epsilon predicts better.
    case wrongEpsilon = "BN305"
    /// The other output head predicts better.
    case wrongHead = "BN306"
    /// Sub-norms are missing.
    case subNormsMissing = "BN307"
    /// Predicts better with the gains of its sub-norms taken as 1.
    case subNormsWrong = "BN308"
    /// Norms whose gains are all exactly 1 among trained ones.
    case normsReset = "BN309"
    /// What the files say about quantization contradicts the weights.
    case quantizationMisdeclared = "BN310"
    /// A setting that cannot be computed here.
    case unsupported = "BN311"
    /// A label that says something else than the weights.
    case misleadingLabel = "BN312"

    /// No tokenizer.
    case noTokenizer = "BN401"
    /// A tokenizer that cannot be read.
    case unusableTokenizer = "BN402"
    /// The ids of the text do not fit the embedding.
    case foreignTokenizer = "BN403"
    /// The end of a text or turn is not among the tokens that end generation, or the files disagree about it.
    case endTokens = "BN404"
    /// A chat template that writes control tokens which the vocabulary does not have.
    case templateTokens = "BN405"
    /// A chat template that the model was not trained with.
    case templateOnBaseModel = "BN406"
    /// The begin token is added by the tokenizer and by the chat template.
    case doubleBegin = "BN407"
    /// Predicts better with, or without, a begin token.
    case beginToken = "BN408"
    /// No rule for splitting text.
    case unknownPreTokenizer = "BN409"
    /// The mask token is none, another, or outside of the vocabulary.
    case maskToken = "BN410"
    /// The embedding of the mask token was never trained.
    case maskUntrained = "BN411"
    /// The model ends answers as a chat model does, and there is no chat template.
    case noChatTemplate = "BN412"

    /// Numbers beyond those of half precision.
    case halfOverflow = "BN501"
    /// Wants to end in the middle of a sentence.
    case endsAtOnce = "BN502"
    /// Predicts the same whatever came before.
    case ignoresContext = "BN503"

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
  }
}

extension Finding.Code {
  /// The conclusion in a few words.
  public var title: String {
    switch self {
    case .inconclusive: "inconclusive"
    case .neverTrainedWithBitLinear: "full-precision model, never trained with BitLinear"
    case .bitNetTrained: "BitNet-trained"
    case .undertrained: "undertrained"
    case .alreadyQuantized: "already quantized"
    case .activationOutliers: "trained with ternary weights, but not with int8 activations"
    case .neverTrained: "never trained: weights as they were initialized"
    case .sameAsReference: "another model's weights"
    case .subNormsUntrained: "sub-norms inserted, never trained"
    case .undeclaredBitNet: "a BitNet that does not say so"
    case .ternarizedAfterwards: "made ternary without training"
    case .damaged: "damaged"
    case .wrongArithmetic: "computed wrongly or damaged: worse than chance"
    case .incompleteFile: "incomplete file"
    case .missingTensors: "tensors are missing"
    case .unknownTensors: "unknown tensors"
    case .wrongShapes: "shapes contradict the configuration"
    case .duplicatedTensors: "duplicated weights"
    case .deadRows: "dead rows"
    case .scaleOutlier: "a scale breaks with its siblings"
    case .scalesInverted: "scales inverted"
    case .scalesLost: "scales lost"
    case .quantizedTwice: "quantized twice"
    case .signQuantized: "quantized by sign()"
    case .absmaxQuantized: "quantized by the largest magnitude"
    case .scrambledTensor: "scrambled rows or columns"
    case .rotaryOrder: "queries and keys in the wrong rotary order"
    case .packingOrder: "unpacked in the wrong order"
    case .unusableTensor: "a tensor cannot be used"
    case .ternaryHead: "ternary embedding or output head"
    case .mixedStorage: "linear layers in different types"
    case .noise: "a matrix of noise"
    case .harmfulBlock: "a block does harm"
    case .differsFromReference: "differs from the reference"
    case .negatedTrits: "-1 and +1 exchanged"
    case .vocabularySize: "vocab_size is not the number of embedding rows"
    case .moreTokensThanRows: "more tokens than embedding rows"
    case .wrongActivation: "wrong activation function"
    case .wrongRopeBase: "wrong rotary base"
    case .wrongEpsilon: "wrong epsilon of the norms"
    case .wrongHead: "wrong output head"
    case .subNormsMissing: "sub-norms are missing"
    case .subNormsWrong: "wrong gains of sub-norms"
    case .normsReset: "norms reset to 1"
    case .quantizationMisdeclared: "quantization declared wrongly"
    case .unsupported: "not supported"
    case .misleadingLabel: "misleading label"
    case .noTokenizer: "no tokenizer"
    case .unusableTokenizer: "unusable tokenizer"
    case .foreignTokenizer: "another model's tokenizer"
    case .endTokens: "end tokens disagree"
    case .templateTokens: "chat template of another vocabulary"
    case .templateOnBaseModel: "chat template the model was not trained with"
    case .doubleBegin: "begin token twice"
    case .beginToken: "begin token missing or unwanted"
    case .unknownPreTokenizer: "no splitting rule"
    case .maskToken: "mask token mismatched"
    case .maskUntrained: "mask token untrained"
    case .noChatTemplate: "no chat template"
    case .halfOverflow: "overflows half precision"
    case .endsAtOnce: "ends at once"
    case .ignoresContext: "ignores what came before"
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

  /// How much it usually matters.
  public var severity: Finding.Severity {
    switch self {
    case .inconclusive, .neverTrainedWithBitLinear, .bitNetTrained, .alreadyQuantized, .misleadingLabel,
      .trainingSound:
      .info
    case .sameAsReference, .subNormsUntrained, .deadRows, .mixedStorage, .differsFromReference, .vocabularySize,
      .quantizationMisdeclared, .noTokenizer, .endTokens, .templateTokens, .templateOnBaseModel, .noChatTemplate,
      .doubleBegin,
      .beginToken, .unknownPreTokenizer, .maskUntrained, .halfOverflow, .endsAtOnce, .ignoresContext,
      .fewSteps, .stoppedEarly, .scheduleNeverRan, .curriculumTooFast, .lambdaBelowOne, .contradictoryState,
      .codeInPickle:
      .warning
    default: .error
    }
  }
}
