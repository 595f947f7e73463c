/// A `dlm_config.json`: what a block-diffusion model's trainer leaves beside it.
public struct BlockDiffusionConfig: Sendable, Hashable {
  /// How many tokens are denoised together.
  public let blockSize: Int?
  /// The text of the mask token.
  public let maskToken: String?
  /// The number of the mask token.
  public let maskTokenID: Int?
  /// What a token sees of its block: `bidirectional` or `causal`.
  public let attention: String?
  /// Whether the logits of a position predict the token behind it.
  public let tokenShift: Bool?
  /// The number of denoising steps per block.
  public let diffusionSteps: Int?
  /// The checkpoint that the training began with.
  public let sourceCheckpoint: String?
  /// The number of tokens trained on.
  public let totalTokensTrained: Int?
  /// The last training loss.
  public let trainingLoss: Double?
  /// The name of the training method.
  public let trainingMethod: String?
  /// The longest sequence trained on.
  public let maxSequenceLength: Int?

  /// Reads a `dlm_config.json`.
  ///
  /// - Throws: ``FormatError`` naming file and key.
  public init(path: String) throws(FormatError) {
    try self.init(JSONParser.parse(path: path, options: .init(allowsNonFinite: true)))
  }

  /// Reads the text of a `dlm_config.json` that is in memory.
  ///
  /// - Throws: ``FormatError`` naming `file` and key.
  public init(text: String, file: String) throws(FormatError) {
    let value = try JSONParser.parse(Array(text.utf8), file: file, options: .init(allowsNonFinite: true))
    try self.init(JSONNode(value, file: file))
  }

  private init(_ node: JSONNode) throws(FormatError) {
    _ = try node.object()
    blockSize = try node.integer("bd_size")
    maskToken = try node.string("mask_token")
    maskTokenID = try node.integer("mask_token_id")
    attention = try node.string("attention")
    tokenShift = try node.bool("token_shift")
    diffusionSteps = try node.integer("num_diffusion_steps")
    sourceCheckpoint = try node.string("source_checkpoint")
    totalTokensTrained = try node.integer("total_tokens_trained")
    trainingLoss = try node.number("training_loss")
    trainingMethod = try node.string("training_method")
    maxSequenceLength = try node.integer("max_seq_length")
  }
}
