public import BitNet
import Kernels
import ModelFormats
import Tokenization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a model's files say, without computing anything with them.
public struct Inspection: Sendable, Codable {
  /// One metadata key of a GGUF file or of `config.json`, with its value as text; long arrays are cut.
  public struct Metadata: Sendable, Codable {
    /// The key.
    public var key: String
    /// The value.
    public var value: String
  }

  /// How much of the model is stored in one type.
  public struct Storage: Sendable, Codable {
    /// The type's name.
    public var type: String
    /// The number of tensors.
    public var tensors: Int
    /// The number of elements.
    public var elements: Int
    /// The number of bytes.
    public var bytes: Int
  }

  /// One tensor.
  public struct TensorEntry: Sendable, Codable {
    /// The name in the file.
    public var name: String
    /// The type's name.
    public var type: String
    /// The sizes of the dimensions, slowest first: `[outputs, inputs]`.
    public var shape: [Int]
    /// The number of bytes.
    public var bytes: Int
  }

  /// What the trainer left beside the weights.
  public struct Training: Sendable, Codable {
    /// The state of the run in one line, from everything in and near the folder: the share of the budget, the phase.
    public var summary: String?
    /// Steps done.
    public var globalStep: Int?
    /// Steps planned.
    public var maximumSteps: Int?
    /// Tokens trained on.
    public var tokensSeen: Int?
    /// The best loss on held-out data; infinite before the first evaluation.
    public var bestEvaluationLoss: Double?
    /// The first training loss logged.
    public var firstLoss: Double?
    /// The last training loss logged.
    public var lastLoss: Double?
    /// The block size, for block-diffusion models.
    public var diffusionBlockSize: Int?
  }

  /// The version of the JSON form.
  public var schemaVersion = 1
  /// The path.
  public var path: String
  /// `GGUF v3`, `Hugging Face folder` or `safetensors`.
  public var format: String
  /// The model's shape as the transformer here understands it; `nil` if it does not.
  public var model: [Metadata]?
  /// Why the model cannot be run here; `nil` if it can.
  public var problem: String?
  /// Decisions taken where the files are silent or contradict themselves.
  public var notes: [String]
  /// The arithmetic that the files declare.
  public var declaredMode: QuantizationMode?
  /// How the tensors are stored, most bytes first.
  public var storage: [Storage]
  /// All stored bits over all stored elements.
  public var bitsPerWeight = 0.0
  /// What the tokenizer is; `nil` without one.
  public var tokenizer: [Metadata]?
  /// What the trainer left; `nil` if nothing.
  public var training: Training?
  /// The metadata in the order of the file.
  public var metadata: [Metadata]
  /// The tensors in the order of the file.
  public var tensors: [TensorEntry]
}

extension Inspection {
  /// Reads the headers of a `.gguf` file, a Hugging Face folder or a `.safetensors` file.
  ///
  /// A model that cannot be run is described all the same, with the reason in ``problem``.
  ///
  /// - Throws: `FormatError` if the file itself cannot be read.
  public init(path: String) throws {
    if path.hasSuffix(".safetensors") {
      let file = try SafetensorsFile(path: path)
      self.init(path: path, format: "safetensors", tensors: file.tensors)
      metadata = file.metadata.map { Metadata(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
      return
    }
    if let run = Inspection(run: path) {
      self = run
      return
    }
    let checkpoint: Checkpoint
    do {
      checkpoint = try Checkpoint(path: path)
    } catch let error as ModelError {
      guard case .notAModel = error else {
        try self.init(unsupported: path, problem: error)
        return
      }
      throw error
    }
    switch checkpoint.source {
    case .gguf(let file): self.init(gguf: file)
    case .huggingFace(let folder): self.init(folder: folder)
    case .synthetic: preconditionFailure("a path was opened")
    }
    model = Inspection.describe(checkpoint.configuration)
    notes = checkpoint.configuration.notes
    declaredMode = checkpoint.configuration.declaresBitLinear ? .bitLinear : QuantizationMode.none
    do {
      if let tokenizer = try checkpoint.tokenizer() {
        self.tokenizer = Inspection.describe(tokenizer)
        notes += tokenizer.notes
      }
      // Loading the graph finds missing, misshapen and left-over tensors.
      _ = try Model(checkpoint: checkpoint, options: .init(mode: QuantizationMode.none, threads: 1))
    } catch {
      problem = "\(error)"
    }
    do {
      training = try Training(checkpoint)
    } catch {
      // A side file that nobody needs to run the model must not hide what the others say.
      notes.append("what the trainer left is not shown: \(error)")
    }
  }

  private init(unsupported path: String, problem: ModelError) throws {
    if let file = try? GGUFFile(path: path) {
      self.init(gguf: file)
    } else {
      self.init(folder: try HuggingFaceFolder(path: path))
    }
    self.problem = "\(problem)"
  }

  /// A folder without a model in which a training run has left something.
  private init?(run path: String) {
    guard TrainingSources.isFolder(path), !FileManager.default.fileExists(atPath: "\(path)/config.json"),
      let evidence = TrainingEvidence(near: path)
    else { return nil }
    self.init(path: path, format: "training run", tensors: [])
    training = Training(evidence)
    metadata = evidence.sources.map { Metadata(key: $0.kind.rawValue, value: $0.path) }
    notes = evidence.notes
  }

  private init(gguf file: GGUFFile) {
    self.init(path: file.name, format: "GGUF v\(file.version)", tensors: file.tensors)
    metadata = file.metadata.map { Metadata(key: $0.key, value: Inspection.text($0.value)) }
  }

  private init(folder: HuggingFaceFolder) {
    self.init(path: folder.path, format: "Hugging Face folder", tensors: folder.tensors)
    let config = folder.config
    metadata = [
      Metadata(key: "architectures", value: config.architectures.joined(separator: ", ")),
      Metadata(key: "model_type", value: config.modelType), Metadata(key: "hidden_act", value: config.hiddenAct),
      Metadata(key: "dtype", value: config.dtype ?? "not given"),
      Metadata(key: "tie_word_embeddings", value: "\(config.tiesWordEmbeddings)"),
      Metadata(key: "eos_token_id", value: "\(folder.generationConfig?.eosTokenIDs ?? config.eosTokenIDs)"),
    ]
    if let quantization = config.quantization {
      metadata += [
        Metadata(key: "quantization_config.quant_method", value: quantization.method),
        Metadata(key: "quantization_config.linear_class", value: quantization.linearClass.rawValue),
        Metadata(key: "quantization_config.quantization_mode", value: quantization.mode.rawValue),
      ]
    }
  }

  private init(path: String, format: String, tensors: [Tensor]) {
    let groups = Dictionary(grouping: tensors, by: \.type)
    self.init(
      path: path, format: format, notes: [],
      storage: groups.map { type, tensors in
        Storage(
          type: type.rawValue, tensors: tensors.count, elements: tensors.reduce(0) { $0 + $1.elementCount },
          bytes: tensors.reduce(0) { $0 + $1.bytes.count })
      }.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) },
      metadata: [],
      tensors: tensors.map {
        TensorEntry(name: $0.name, type: $0.type.rawValue, shape: $0.shape, bytes: $0.bytes.count)
      })
    let elements = storage.reduce(0) { $0 + $1.elements }
    bitsPerWeight = elements > 0 ? Double(storage.reduce(0) { $0 + $1.bytes }) * 8 / Double(elements) : 0
  }

  private static func describe(_ configuration: ModelConfiguration) -> [Metadata] {
    [
      ("architecture", configuration.architecture), ("layers", "\(configuration.layerCount)"),
      ("hidden size", "\(configuration.hiddenSize)"), ("feed-forward size", "\(configuration.intermediateSize)"),
      ("heads", "\(configuration.heads) (key-value \(configuration.kvHeads), size \(configuration.headSize))"),
      ("vocabulary", "\(configuration.vocabularySize)"), ("context", "\(configuration.contextLength)"),
      ("activation", configuration.activationName), ("rope base", "\(configuration.ropeTheta)"),
      ("norm epsilon", "\(configuration.normEpsilon)"),
      ("output head", configuration.tiesEmbeddings ? "tied to the embedding" : "its own"),
    ].map { Metadata(key: $0.0, value: $0.1) }
  }

  private static func describe(_ tokenizer: Tokenizer) -> [Metadata] {
    func named(_ id: Int?) -> String { id.map { "\($0) \(tokenizer.text(of: $0))" } ?? "none" }
    return [
      ("kind", tokenizer.summary), ("begin", named(tokenizer.beginningOfSequence)),
      ("adds begin", "\(tokenizer.addsBeginningOfSequence)"),
      ("ends", tokenizer.endOfGeneration.sorted().map { named($0) }.joined(separator: ", ")),
      ("mask", named(tokenizer.mask)),
      (
        "chat templates",
        tokenizer.chatTemplates.isEmpty ? "none" : tokenizer.chatTemplates.keys.sorted().joined(separator: ", ")
      ),
    ].map { Metadata(key: $0.0, value: $0.1) }
  }

  private static func text(_ value: GGUFValue) -> String {
    switch value {
    case .strings(let strings):
      strings.count <= 8
        ? "[" + (0..<strings.count).map { strings.string(at: $0) }.joined(separator: ", ") + "]"
        : "[\(strings.count) strings]"
    case .numbers(let numbers):
      numbers.count <= 8
        ? "[" + (0..<numbers.count).map { text(numbers[$0]) }.joined(separator: ", ") + "]"
        : "[\(numbers.count) \(numbers.type.name)]"
    case .bool(let value): "\(value)"
    default: value.text ?? value.integer.map(String.init) ?? value.number.map { "\(Float($0))" } ?? value.kind
    }
  }
}

extension Inspection.Training {
  init?(_ checkpoint: Checkpoint) throws {
    let state = try checkpoint.trainerState(), diffusion = try checkpoint.blockDiffusionConfig()
    let evidence = TrainingEvidence(of: checkpoint)
    guard state != nil || diffusion != nil || !(evidence?.sources.isEmpty ?? true) else { return nil }
    self.init(
      summary: evidence?.summary,
      globalStep: state?.globalStep, maximumSteps: state?.maxSteps,
      tokensSeen: state?.tokensSeen ?? diffusion?.totalTokensTrained, bestEvaluationLoss: state?.bestEvalLoss,
      firstLoss: state?.firstLoss, lastLoss: state?.lastLoss, diffusionBlockSize: diffusion?.blockSize)
  }
}

extension Inspection.Training {
  init(_ evidence: TrainingEvidence) {
    self.init(
      summary: evidence.summary, globalStep: evidence.globalStep, maximumSteps: evidence.maximumSteps,
      tokensSeen: evidence.tokensSeen, bestEvaluationLoss: evidence.bestEvaluationLoss, firstLoss: evidence.loss?.first,
      lastLoss: evidence.loss?.last)
  }
}
