public import BitNet
import Kernels
import ModelFormats
import Tokenization

/// Everything that was found out about a model, and the verdict.
public struct Diagnosis: Sendable, Codable {
  /// The version of the JSON form; it grows when a field changes its meaning or goes.
  public var schemaVersion = 2
  /// The path of the model.
  public var model: String
  /// The files that it was read from, with their digests; `nil` unless they were asked for.
  public var files: [SourceFile]?
  /// What the files say about the model; `nil` if they cannot be read.
  public var facts: ModelFacts?
  /// What kept the model, or parts of it, from being read.
  public var problems: [LoadProblem]
  /// The linear layers, block by block.
  public var weights: [WeightStatistics]
  /// The linear layers summed up.
  public var weightSummary: WeightSummary
  /// The norms, block by block.
  public var norms: [NormStatistics]
  /// How well the matrices of each block fit each other.
  public var coherence: [BlockCoherence]
  /// Matrices whose scale is not that of their siblings.
  public var scaleSuspects: [ScaleSuspect]
  /// How tokenizer, template and embedding fit each other; `nil` without a tokenizer.
  public var vocabulary: VocabularyFacts?
  /// The next-token distributions, one entry per prompt.
  public var behaviour: [PromptBehaviour]
  /// The loss on the text that was asked for, or on the built-in one; `nil` without a tokenizer.
  public var probe: TextProbe?
  /// The loss on the built-in English text, where another was asked for.
  public var english: TextProbe?
  /// Whether it ends answers as a chat model does; `nil` where no format fits.
  public var chat: ChatProbe?
  /// What goes into the linear layers over the text.
  public var activations: [LayerActivations]
  /// Changes that were tried; `nil` if there was no reason to.
  public var repairs: RepairSearch?
  /// What the reference model differs in; `nil` without one.
  public var reference: Comparison?
  /// What the training run left in and near the model's folder; `nil` if nothing.
  public var training: TrainingEvidence?
  /// What follows from all that: the verdict first, then whatever else was found.
  public var findings: [Finding]

  /// The verdict.
  public var verdict: Finding { findings[0] }

  /// Whether the model could be run at all.
  public var wasRun: Bool { problems.isEmpty }

  /// The gravest finding's severity.
  public var severity: Finding.Severity { findings.map(\.severity).max() ?? .info }
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
    let ratios = weights.map(\.frobeniusRatio).filter { !$0.isNaN }
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
    /// The text whose loss is measured beside the built-in English paragraph's.
    public var probeText: String?
    /// How many tokens to continue each prompt by.
    public var continuationLength: Int
    /// The number of threads; `nil` takes all processors available to the process.
    public var threads: Int?
    /// A model that this one should be the same as, or was made from.
    public var reference: Checkpoint?
    /// Whether the SHA-256 of the files is computed, for a report that names what it is about.
    public var digestsFiles: Bool

    /// Options; all have defaults.
    public init(
      prompts: [String] = [], probeText: String? = nil, continuationLength: Int = 20, threads: Int? = nil,
      reference: Checkpoint? = nil, digestsFiles: Bool = false
    ) {
      self.prompts = prompts
      self.probeText = probeText
      self.continuationLength = continuationLength
      self.threads = threads
      self.reference = reference
      self.digestsFiles = digestsFiles
    }
  }

  /// What is examined when no prompt is given.
  public static let defaultPrompts = ["The capital of France is"]

  /// Examines a model: its files, its weights, its behaviour under the three modes, its training state. What cannot be read
  /// is a finding, too.
  ///
  /// - Parameters:
  ///   - progress: called with what is being done, for people who wait.
  ///   - isCancelled: asked between steps.
  /// - Throws: `ModelError`, `FormatError` where there is no model at all; `CancellationError`.
  public init(
    path: String, options: Options = Options(), progress: (String) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws {
    let checkpoint: Checkpoint
    do {
      checkpoint = try Checkpoint(path: path)
    } catch {
      var evidence = Evidence()
      try evidence.note(error)
      self.init(path: path, evidence: evidence)
      // Which file it is that cannot be read is all the more worth knowing; a folder of files cannot be told.
      if options.digestsFiles { files = try? SourceDigests(files: [path]).wait() }
      return
    }
    try self.init(of: checkpoint, options: options, progress: progress, isCancelled: isCancelled)
  }

  /// As ``init(path:options:progress:isCancelled:)`` for a checkpoint that is open already.
  ///
  /// - Throws: `CancellationError`, `KernelError`.
  public init(
    of checkpoint: Checkpoint, options: Options = Options(), progress: (String) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws {
    let digests = options.digestsFiles ? SourceDigests(checkpoint) : nil
    var examination = Examination(
      checkpoint: checkpoint, options: options, compute: try Compute(threads: options.threads))
    try examination.examineFiles(progress: progress, isCancelled: isCancelled)
    examination.evidence.training = TrainingEvidence(of: checkpoint)
    try examination.examineBehaviour(progress: progress, isCancelled: isCancelled)
    if let reference = options.reference {
      progress("reference")
      examination.evidence.reference = try Comparison(
        of: reference, with: checkpoint, options: .init(threads: options.threads), progress: progress,
        isCancelled: isCancelled)
    }
    self.init(path: checkpoint.path, evidence: examination.evidence)
    files = try digests?.wait()
  }

  private init(path: String, evidence: Evidence) {
    self.init(
      model: path, facts: evidence.facts, problems: evidence.problems, weights: evidence.weights,
      weightSummary: WeightSummary(evidence.weights), norms: evidence.norms, coherence: evidence.coherence,
      scaleSuspects: evidence.scaleSuspects, vocabulary: evidence.vocabulary, behaviour: evidence.behaviour,
      probe: evidence.probe, english: evidence.english, chat: evidence.chat, activations: evidence.activations,
      repairs: evidence.repairs, reference: evidence.reference, training: evidence.training,
      findings: Rules.findings(for: evidence))
  }
}
