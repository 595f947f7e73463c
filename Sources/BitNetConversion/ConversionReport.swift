public import BitNet
import Kernels

/// What a conversion did, or would do.
public struct ConversionReport: Sendable, Codable {
  /// One tensor of the result.
  public struct TensorStep: Sendable, Codable {
    /// Its name in the result.
    public var name: String
    /// The shape in the result, `[outputs, inputs]`.
    public var shape: [Int]
    /// How the source stores it.
    public var from: String
    /// The type in the result.
    public var to: String
    /// The size in the result.
    public var bytes: Int
    /// Why it is not of the type asked for, or what happens to its values.
    public var reason: String?
    /// Whether its rows are put into the other rotary order.
    public var isReordered: Bool
  }

  /// The path of the source.
  public var source: String
  /// The path of the result.
  public var output: String
  /// `general.architecture` or `model_type`.
  public var architecture: String
  /// The runtime it is for.
  public var target: String
  /// The tensors, in order.
  public var tensors: [TensorStep]
  /// The size of all tensors.
  public var tensorBytes: Int
  /// What the user should know.
  public var warnings: [String]
  /// Whether it was only planned.
  public var isDryRun: Bool
  /// How long it took to write.
  public var seconds: Double?
  /// The most memory that the process had had when the file was written.
  public var peakResidentBytes: Int?
  /// The shares of the values over all ternary tensors.
  public var shares: Shares?
  /// The files of the source, `nil` if nothing was written.
  public var sourceFiles: [SourceFile]?
  /// What reading it back showed.
  public var verification: Verification?

  /// The shares of -1, 0 and +1.
  public struct Shares: Sendable, Codable, Hashable {
    /// The share of -1.
    public var minus: Double
    /// The share of 0.
    public var zero: Double
    /// The share of +1.
    public var plus: Double
  }

  /// What reading the result back showed.
  public struct Verification: Sendable, Codable {
    /// Ternary tensors whose trits and scale are exactly the source's.
    public var exactTernary: Int
    /// Other tensors whose numbers are exactly the source's.
    public var exactOthers: Int
    /// Tensors that were rounded.
    public var rounded: Int
    /// The largest difference among those, as a share of the tensor's largest magnitude.
    public var largestRounding: Double
    /// Source and result through the engine.
    public var prompts: [Prompt]
  }

  /// One prompt through both models.
  public struct Prompt: Sendable, Codable {
    /// The text, or the token ids where there is no tokenizer.
    public var text: String
    /// The cosine of the logits after the prompt.
    public var cosine: Double
    /// How many tokens were generated.
    public var tokens: Int
    /// The first greedy token that differs, counted from 0; `nil` if none does.
    public var firstDifference: Int?
  }
}

extension ConversionReport {
  init(_ plan: ConversionPlan, output: String, isDryRun: Bool) {
    source = plan.checkpoint.path
    self.output = output
    architecture = plan.graph.architecture
    target = plan.options.destination == .gguf ? plan.graph.target.rawValue : "transformers"
    tensors = plan.tensors.map {
      TensorStep(
        name: $0.name, shape: $0.storedShape, from: $0.from, to: $0.type.rawValue, bytes: $0.byteCount,
        reason: $0.reason, isReordered: $0.order != nil)
    }
    tensorBytes = plan.byteCount
    warnings = plan.warnings
    self.isDryRun = isDryRun
  }
}
