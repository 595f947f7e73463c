/// A model's `generation_config.json`: the tokens that really end its answers, and how its makers sample.
public struct HFGenerationConfig: Sendable, Hashable {
  /// The token that begins a text.
  public let bosTokenID: Int?
  /// All tokens that end a text: more than `config.json` tells, as a rule.
  public let eosTokenIDs: [Int]
  /// The token that fills up batches.
  public let padTokenID: Int?
  /// Whether the makers sample rather than take the likeliest token.
  public let samples: Bool?
  /// The makers' temperature.
  public let temperature: Double?
  /// The makers' nucleus, a probability.
  public let topP: Double?
  /// The makers' number of candidates.
  public let topK: Int?

  /// Reads a `generation_config.json`.
  ///
  /// - Throws: ``FormatError`` naming file and key.
  public init(path: String) throws(FormatError) { try self.init(JSONParser.parse(path: path)) }

  /// Reads the text of a `generation_config.json` that is in memory.
  ///
  /// - Throws: ``FormatError`` naming `file` and key.
  public init(text: String, file: String) throws(FormatError) {
    try self.init(JSONNode(JSONParser.parse(Array(text.utf8), file: file), file: file))
  }

  private init(_ node: JSONNode) throws(FormatError) {
    _ = try node.object()
    bosTokenID = try node.integers("bos_token_id")?.first
    eosTokenIDs = try node.integers("eos_token_id") ?? []
    padTokenID = try node.integer("pad_token_id")
    samples = try node.bool("do_sample")
    temperature = try node.number("temperature")
    topP = try node.number("top_p")
    topK = try node.integer("top_k")
  }
}
