public import BitNet
import Kernels
import Tokenization

/// Two models side by side: their settings, tokenizers, weights and predictions, and what follows from that.
public struct Comparison: Sendable, Codable {
  /// The version of the JSON form.
  public var schemaVersion = 1
  /// The path of the first model.
  public var a: String
  /// What it is compared with: a path or an address.
  public var b: String
  /// Whether nothing differs that changes what the model says.
  public var isSame: Bool
  /// What follows, as a sentence.
  public var conclusion: String
  /// What differs, the gravest first; empty for the same model.
  public var differences: [ComparisonDifference]
  /// The configurations side by side; empty when only logits were compared.
  public var settings: [SettingComparison]
  /// The tokenizers; `nil` unless both models have one.
  public var tokenizer: TokenizerComparison?
  /// The tensors by role, block by block; empty when only logits were compared.
  public var tensors: [TensorComparison]
  /// The hidden states over the text that the logits were compared on; `nil` when the models cannot be run side by side.
  public var hidden: HiddenComparison?
  /// The logits position by position; `nil` when the models cannot be run side by side.
  public var logits: LogitsComparison?
  /// Which of the models has no usable tokenizer, `A` or `B`, where the other has one.
  public var tokenizerLack: String?
  /// What could not be compared, and why.
  public var notes: [String]
}

/// One thing in which two models differ.
public struct ComparisonDifference: Sendable, Codable, Hashable {
  /// The kinds of differences; they never change their meaning.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// Sizes: layers, widths, heads.
    case shape
    /// Tensors that only one of the models has.
    case missingTensors
    /// Weights, in one of the ways of ``TensorPattern``, or in none that is known.
    case weights
    /// The arithmetic that the files declare.
    case arithmetic
    /// Rotary position embedding: base, scaling or rotated size.
    case rope
    /// The epsilon of the norms.
    case epsilon
    /// The activation function.
    case activation
    /// Whether tokens come one after the other or in blocks by diffusion.
    case generation
    /// The number of embedding rows.
    case vocabulary
    /// The tokens, or how texts become tokens.
    case tokenizer
    /// The tokens with a role: begin, ends, mask.
    case specialTokens
    /// The chat template.
    case chatTemplate
    /// Logits, though nothing else explains it.
    case logits
    /// One of the models cannot be run.
    case cannotRun
  }

  /// The kind.
  public var code: Code
  /// The difference in words.
  public var sentence: String
}

extension Comparison {
  /// What to compare on.
  public struct Options: Sendable {
    /// Texts whose logits are compared; the built-in ones if empty and ``tokens`` is `nil`.
    public var prompts: [String]
    /// Token ids instead of texts.
    public var tokens: [Int]?
    /// The arithmetic of both models; `nil` takes what each declares.
    public var mode: QuantizationMode?
    /// The relative difference of tensors, hidden states and logits that still counts as none; `nil` takes what the
    /// storage of the tensors explains.
    public var tolerance: Double?
    /// The number of threads; `nil` takes all processors available to the process.
    public var threads: Int?

    /// Options; all have defaults.
    public init(
      prompts: [String] = [], tokens: [Int]? = nil, mode: QuantizationMode? = nil, tolerance: Double? = nil,
      threads: Int? = nil
    ) {
      self.prompts = prompts
      self.tokens = tokens
      self.mode = mode
      self.tolerance = tolerance
      self.threads = threads
    }
  }

  /// The texts that models are compared on when none is given.
  public static let defaultPrompts = Diagnosis.defaultPrompts + [ProbeText.english]

  /// The relative difference of logits and hidden states that bf16 arithmetic elsewhere or a last bit here explains.
  static let behaviourTolerance = 0.05

  /// Compares two models.
  ///
  /// - Parameters:
  ///   - progress: called with what is being done, for people who wait.
  ///   - isCancelled: asked between steps.
  /// - Throws: `FormatError`, `ModelError`, `TokenizationError` for files that cannot be read; `CancellationError`. A
  ///   model that can be read but not run is compared all the same, without logits.
  public init(
    of a: Checkpoint, with b: Checkpoint, options: Options = Options(), progress: (String) -> Void = { _ in },
    isCancelled: () -> Bool = { false }
  ) throws {
    progress("loading")
    let pair = try ComparedPair(a, b, options: options)
    let tokenizer = try TokenizerComparison(pair, texts: options.prompts)
    let tensors = try pair.compareTensors(tolerance: options.tolerance, progress: progress, isCancelled: isCancelled)
    var notes = pair.notes + TensorComparison.notesOnNonFinite(tensors)
    var behaviour: ComparedBehaviour?
    if let models = pair.models {
      let sequences = try TokenSequence.make(options, for: models, notes: &notes)
      if !sequences.isEmpty {
        let rounding = tensors.filter { $0.status == .rounded }.compactMap(\.relative).max() ?? 0
        behaviour = try ComparedBehaviour(
          models, sequences, rounding: rounding, tolerance: options.tolerance, progress: progress,
          isCancelled: isCancelled)
      }
    }
    self.init(
      a: a.path, b: b.path, isSame: true, conclusion: "", differences: [],
      settings: try SettingComparison.all(pair), tokenizer: tokenizer, tensors: tensors, hidden: behaviour?.hidden,
      logits: behaviour?.logits, tokenizerLack: pair.tokenizerLack, notes: notes)
    conclude(cannotRun: pair.problem)
  }
}

/// Two opened checkpoints, with what both comparisons of weights and of behaviour need.
struct ComparedPair {
  let a: Checkpoint
  let b: Checkpoint
  let modes: [QuantizationMode]
  /// The loaded models; `nil` when one of them cannot be run, or their sizes differ.
  let models: [Model]?
  let tokenizers: [Tokenizer?]
  /// Why one of the models cannot be run; `nil` if both can, or neither: then that is no difference.
  let problem: String?
  let notes: [String]

  var tokenizerLack: String? {
    switch (tokenizers[0], tokenizers[1]) {
    case (nil, .some): "A"
    case (.some, nil): "B"
    default: nil
    }
  }

  init(_ a: Checkpoint, _ b: Checkpoint, options: Comparison.Options) throws {
    self.a = a
    self.b = b
    modes = [a, b].map { options.mode ?? ($0.configuration.declaresBitLinear ? .bitLinear : .none) }
    var notes: [String] = []
    var problems: [String?] = []
    tokenizers = [a, b].map { checkpoint in
      do {
        return try checkpoint.tokenizer()
      } catch {
        notes.append("\(checkpoint.path): the tokenizer cannot be used: \(error)")
        return nil
      }
    }
    var models: [Model] = []
    for (checkpoint, mode) in zip([a, b], modes) {
      do {
        models.append(try Model(checkpoint: checkpoint, options: .init(mode: mode, threads: options.threads)))
        problems.append(nil)
      } catch  where !(error is KernelError) {
        problems.append("\(error)")
      }
    }
    let first = problems.compactMap(\.self).first
    problem = problems.contains(nil) ? first : nil
    if let first { notes.append("logits are not compared: \(first)") }
    self.models = first == nil ? models : nil
    self.notes = notes
  }
}
