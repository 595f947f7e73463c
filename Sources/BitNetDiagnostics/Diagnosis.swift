public import BitNet
import Kernels
import ModelFormats
import Tokenization

/// Everything that was found out about a model, and the verdict.
public struct Diagnosis: Sendable, Codable {
  /// The version of the JSON form; it grows when a field changes its meaning or goes.
  public var schemaVersion = 1
  /// The path of the model.
  public var model: String
  /// What the files say about the model.
  public var facts: ModelFacts
  /// The linear layers, block by block.
  public var weights: [WeightStatistics]
  /// The linear layers summed up.
  public var weightSummary: WeightSummary
  /// The next-token distributions, one entry per prompt.
  public var behaviour: [PromptBehaviour]
  /// The loss on a text; `nil` without a tokenizer.
  public var probe: TextProbe?
  /// What the training run left in and near the model's folder; `nil` if nothing.
  public var training: TrainingEvidence?
  /// What follows from all that: the verdict first, then whatever else was found.
  public var findings: [Finding]

  /// The verdict.
  public var verdict: Finding { findings[0] }
}

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
  /// How many norm vectors there are.
  public var norms: Int
  /// How many of them are sub-norms, before the attention's and the feed-forward network's last matrix.
  public var subNorms: Int
  /// Norm vectors that hold values that are infinite or not a number.
  public var nonFiniteNorms: [String]
  /// Steps trained, as the trainer's state says.
  public var globalStep: Int?
  /// Steps planned.
  public var maximumSteps: Int?
  /// The best loss on held-out data.
  public var bestEvaluationLoss: Double?
  /// Decisions taken where the files are silent or contradict themselves.
  public var notes: [String]
}

/// The linear layers summed up.
public struct WeightSummary: Sendable, Codable {
  /// The number of matrices.
  public var matrices: Int
  /// The number of weights.
  public var weights: Int
  /// How many matrices are ternary already.
  public var ternaryMatrices: Int
  /// The smallest and the largest Frobenius ratio.
  public var frobeniusRatio: ClosedRange<Double>
  /// The mean shares of -1, 0 and +1, every weight counting alike.
  public var shares: TritShares

  init(_ weights: [WeightStatistics]) {
    matrices = weights.count
    let counts = weights.map { Double($0.shape[0] * $0.shape[1]) }
    let total = max(1, counts.reduce(0, +))
    self.weights = Int(counts.reduce(0, +))
    ternaryMatrices = weights.count { $0.isTernary }
    let ratios = weights.map(\.frobeniusRatio)
    frobeniusRatio = (ratios.min() ?? 1)...(ratios.max() ?? 1)
    func mean(_ share: (TritShares) -> Double) -> Double {
      zip(weights, counts).reduce(0) { $0 + share($1.0.shares) * $1.1 } / total
    }
    shares = TritShares(minus: mean(\.minus), zero: mean(\.zero), plus: mean(\.plus))
  }
}

extension Diagnosis {
  /// What to examine.
  public struct Options: Sendable {
    /// Texts whose next token is examined; the built-in ones if empty.
    public var prompts: [String]
    /// The text whose loss is measured; the built-in English paragraph if `nil`.
    public var probeText: String?
    /// How many tokens to continue each prompt by.
    public var continuationLength: Int
    /// The number of threads; `nil` takes all processors available to the process.
    public var threads: Int?

    /// Options; all have defaults.
    public init(
      prompts: [String] = [], probeText: String? = nil, continuationLength: Int = 20, threads: Int? = nil
    ) {
      self.prompts = prompts
      self.probeText = probeText
      self.continuationLength = continuationLength
      self.threads = threads
    }
  }

  /// What is examined when no prompt is given.
  public static let defaultPrompts = ["The capital of France is"]

  /// Examines a model: its weights, its behaviour under the three modes, its training state.
  ///
  /// - Parameters:
  ///   - progress: called with what is being done, for people who wait.
  ///   - isCancelled: asked between steps.
  /// - Throws: `FormatError`, `ModelError`, `TokenizationError` for a model that cannot be loaded; `CancellationError`.
  public init(
    of checkpoint: Checkpoint, options: Options = Options(), progress: (String) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws {
    progress("loading")
    let model = try Model(checkpoint: checkpoint, options: .init(mode: QuantizationMode.none, threads: options.threads))
    let facts = try ModelFacts(checkpoint, tokenizer: model.tokenizer)
    let names = checkpoint.linearNames
    var weights: [WeightStatistics] = []
    for (index, name) in names.enumerated() {
      if isCancelled() { throw CancellationError() }
      progress("weights \(index + 1)/\(names.count)")
      weights.append(try checkpoint.statistics(of: name, compute: model.compute))
    }
    var behaviour: [PromptBehaviour] = []
    var probe: TextProbe?
    // Weights that are no numbers have no trits, and what such a model says is no further evidence.
    if let tokenizer = model.tokenizer, weights.allSatisfy({ $0.nonFinite == 0 }) {
      progress("ternarizing")
      let models = try QuantizationMode.allCases.map { try model.inMode($0) }
      let prompts = options.prompts.isEmpty ? Diagnosis.defaultPrompts : options.prompts
      for (index, prompt) in prompts.enumerated() {
        progress("prompt \(index + 1)/\(prompts.count)")
        behaviour.append(
          try PromptBehaviour(
            prompt: prompt, tokens: tokenizer.encode(prompt), models: models,
            continuationLength: options.continuationLength, isCancelled: isCancelled))
      }
      progress("text")
      probe = try TextProbe(
        tokens: tokenizer.encode(options.probeText ?? ProbeText.english), models: models, isCancelled: isCancelled)
    }
    let training = TrainingEvidence(near: checkpoint.path)
    let evidence = Evidence(facts: facts, weights: weights, behaviour: behaviour, probe: probe, training: training)
    self.init(
      model: checkpoint.path, facts: facts, weights: weights, weightSummary: WeightSummary(weights),
      behaviour: behaviour, probe: probe, training: training, findings: Rules.findings(for: evidence))
  }
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
    self.init(
      architecture: configuration.architecture, layers: configuration.layerCount,
      hiddenSize: configuration.hiddenSize, vocabularySize: configuration.vocabularySize,
      tokenizerSize: tokenizer?.vocabularySize, declaresBitLinear: configuration.declaresBitLinear,
      norms: norms.count, subNorms: norms.count { $0.hasSuffix("sub_norm.weight") },
      nonFiniteNorms: try norms.filter { name in
        try checkpoint.tensors[name]?.floats().contains { !$0.isFinite } ?? false
      },
      globalStep: state?.globalStep ?? TrainerState.step(inName: checkpoint.path), maximumSteps: state?.maxSteps,
      bestEvaluationLoss: state?.bestEvalLoss, notes: notes)
  }
}

extension Checkpoint {
  /// Measures one linear layer.
  func statistics(of name: String, compute: Compute) throws -> WeightStatistics {
    guard let role = LinearRole.allCases.first(where: { name.hasSuffix(".\($0.rawValue).weight") }) else {
      preconditionFailure("\(name) is no linear layer")
    }
    let matrix = try matrix(name, shape: role.shape(in: configuration), compute: compute)
    return WeightStatistics(
      name: name, storage: tensors[name]?.type.rawValue ?? "", matrix: matrix, pool: compute.pool)
  }
}
