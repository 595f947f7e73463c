import BitNet
import Kernels
import ModelFormats
import Tokenization

/// What the files say about a model, before anything is computed.
public struct ModelFacts: Sendable, Codable {
  /// The architecture's name.
  public var architecture: String
  /// The number of transformer blocks.
  public var layers: Int
  /// The width of the residual stream.
  public var hiddenSize: Int
  /// Rows of the embedding.
  public var vocabularySize: Int
  /// Tokens of the tokenizer; `nil` without one.
  public var tokenizerSize: Int?
  /// Whether the files declare a BitNet.
  public var declaresBitLinear: Bool
  /// The activation function.
  public var activation: String
  /// The base of the rotary frequencies.
  public var ropeTheta: Double
  /// The epsilon of the norms.
  public var normEpsilon: Float
  /// How many norm vectors there are.
  public var norms: Int
  /// How many of them are sub-norms, before the attention's and the feed-forward network's last matrix.
  public var subNorms: Int
  /// Norm vectors that hold values that are infinite or not a number.
  public var nonFiniteNorms: [String]
  /// What `quantization_config` says: `offline`, `online`; `nil` if nothing.
  public var quantizationMode: String?
  /// `general.file_type` of a GGUF file: a label only.
  public var fileType: Int?
  /// How many linear layers each type stores.
  public var linearTypes: [String: Int]
  /// Steps trained, as the trainer's state says.
  public var globalStep: Int?
  /// Steps planned.
  public var maximumSteps: Int?
  /// The best loss on held-out data.
  public var bestEvaluationLoss: Double?
  /// Decisions taken where the files are silent or contradict themselves.
  public var notes: [String]
}

extension ModelFacts {
  init(_ checkpoint: Checkpoint, tokenizer: Tokenizer?) throws {
    let configuration = checkpoint.configuration
    let norms = checkpoint.tensors.keys.filter { $0.hasSuffix("norm.weight") }.sorted()
    var notes = configuration.notes + (tokenizer?.notes ?? [])
    var state: TrainerState?
    do {
      state = try checkpoint.trainerState()
    } catch {
      notes.append("what the trainer left is not considered: \(error)")
    }
    let quantization: HFQuantization? =
      if case .huggingFace(let folder) = checkpoint.source { folder.config.quantization } else { nil }
    let types = checkpoint.linearNames.compactMap { checkpoint.tensors[$0]?.type.rawValue }
    self.init(
      architecture: configuration.architecture, layers: configuration.layerCount,
      hiddenSize: configuration.hiddenSize, vocabularySize: configuration.vocabularySize,
      tokenizerSize: tokenizer?.vocabularySize, declaresBitLinear: configuration.declaresBitLinear,
      activation: configuration.activationName, ropeTheta: configuration.ropeTheta,
      normEpsilon: configuration.normEpsilon, norms: norms.count,
      subNorms: norms.count { $0.hasSuffix("sub_norm.weight") },
      nonFiniteNorms: try norms.filter { name in
        try checkpoint.tensors[name]?.floats().contains { !$0.isFinite } ?? false
      },
      quantizationMode: quantization?.mode.rawValue, fileType: try checkpoint.fileType,
      linearTypes: Dictionary(types.map { ($0, 1) }, uniquingKeysWith: +),
      globalStep: state?.globalStep ?? TrainerState.step(inName: checkpoint.path), maximumSteps: state?.maxSteps,
      bestEvaluationLoss: state?.bestEvalLoss, notes: notes)
  }
}

extension Checkpoint {
  fileprivate var fileType: Int? {
    get throws {
      guard case .gguf(let file) = source else { return nil }
      return try file.integer("general.file_type")
    }
  }
}
