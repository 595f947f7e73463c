import BitNet
import ModelFormats

/// The parameters of Llama 3.1's scaling of the rotary frequencies. GGUF has no place for them, only for the factors that
/// follow; files written here keep them beside, so that they can become a `config.json` again.
struct Llama3Scaling: Sendable {
  private static let prefix = "bitnet.rope_scaling."

  let factor: Float
  let lowFrequencyFactor: Float
  let highFrequencyFactor: Float
  let originalContext: UInt32

  /// - Returns: `nil` if the source does not scale so, or does not say by which parameters.
  /// - Throws: `FormatError` for metadata of another type.
  init?(_ checkpoint: Checkpoint) throws {
    if case .llama3(let factor, let low, let high, let original) = checkpoint.configuration.ropeScaling {
      guard let context = UInt32(exactly: original) else { return nil }
      self.init(
        factor: Float(factor), lowFrequencyFactor: Float(low), highFrequencyFactor: Float(high),
        originalContext: context)
      return
    }
    guard case .gguf(let file) = checkpoint.source,
      let factor = try file.float(Self.prefix + "factor"), let low = try file.float(Self.prefix + "low_freq_factor"),
      let high = try file.float(Self.prefix + "high_freq_factor"),
      let context = try file.integer(Self.prefix + "original_max_position_embeddings").flatMap(UInt32.init(exactly:)),
      try Llama3Scaling.isFollowed(by: checkpoint, factor, low, high, context)
    else { return nil }
    self.init(factor: factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext: context)
  }

  private init(factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float, originalContext: UInt32) {
    self.factor = factor
    self.lowFrequencyFactor = lowFrequencyFactor
    self.highFrequencyFactor = highFrequencyFactor
    self.originalContext = originalContext
  }

  /// Whether the factors in the file are those that follow from the parameters: the factors are what runs.
  private static func isFollowed(
    by checkpoint: Checkpoint, _ factor: Float, _ low: Float, _ high: Float, _ context: UInt32
  ) throws -> Bool {
    let expected = checkpoint.configuration.ropeFactors(
      .llama3(
        factor: Double(factor), lowFrequencyFactor: Double(low), highFrequencyFactor: Double(high),
        originalContext: Double(context)))
    guard let found = try checkpoint.tensors["rope_freqs.weight"]?.floats(), found.count == expected.count else {
      return false
    }
    return zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 * abs($1) }
  }

  /// As metadata of a GGUF file.
  var entries: [GGUFModelMetadata.Entry] {
    [
      (Self.prefix + "rope_type", .string("llama3")), (Self.prefix + "factor", .f32(factor)),
      (Self.prefix + "low_freq_factor", .f32(lowFrequencyFactor)),
      (Self.prefix + "high_freq_factor", .f32(highFrequencyFactor)),
      (Self.prefix + "original_max_position_embeddings", .u32(originalContext)),
    ]
  }

  /// As `rope_scaling` of a `config.json`.
  var json: JSONValue {
    let fields: [(String, JSONValue)] = [
      ("rope_type", .string("llama3")), ("factor", .number(Llama3Scaling.decimal(factor))),
      ("low_freq_factor", .number(Llama3Scaling.decimal(lowFrequencyFactor))),
      ("high_freq_factor", .number(Llama3Scaling.decimal(highFrequencyFactor))),
      ("original_max_position_embeddings", .integer(Int64(originalContext))),
    ]
    return .object(JSONObject(entries: fields.map { (JSONString($0), $1) }))
  }

  /// The shortest decimal that stands for the float: 1.1, not 1.10000002384185791.
  private static func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}
