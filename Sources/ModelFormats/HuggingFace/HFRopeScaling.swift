/// How a model stretches its rotary embedding beyond the positions that it was first trained for.
public struct HFRopeScaling: Sendable, Hashable {
  /// The method: `linear`, `dynamic`, `yarn`, `llama3` and others.
  public let type: String
  /// By how much positions are stretched.
  public let factor: Double?
  /// `llama3`: wavelengths longer than the original context divided by this are stretched in full.
  public let lowFreqFactor: Double?
  /// `llama3`: wavelengths shorter than the original context divided by this are not stretched.
  public let highFreqFactor: Double?
  /// The number of positions before stretching.
  public let originalMaxPositions: Int?

  /// The object that the parameters are in: `rope_parameters` since transformers 5, `rope_scaling` before. Models with
  /// several kinds of layers have one object per kind; that of full attention counts.
  static func parameters(_ node: JSONNode) throws(FormatError) -> JSONNode? {
    guard let parameters = try node.object("rope_parameters", "rope_scaling") else { return nil }
    return try parameters.object("full_attention") ?? parameters
  }

  /// - Returns: `nil` for the type `default`, which scales nothing.
  init?(_ node: JSONNode) throws(FormatError) {
    let type = try node.string("rope_type", "type") ?? "default"
    guard type != "default" else { return nil }
    self.type = type
    factor = try node.number("factor")
    lowFreqFactor = try node.number("low_freq_factor")
    highFreqFactor = try node.number("high_freq_factor")
    originalMaxPositions = try node.integer("original_max_position_embeddings")
  }
}
