/// The ids of the tokens with a role, as far as the vocabulary declares them.
public struct SpecialTokenIDs: Sendable, Hashable {
  /// BOS.
  public package(set) var beginningOfSequence: Int?
  /// EOS.
  public package(set) var endOfSequence: Int?
  /// EOT: the end of one turn of a conversation.
  public package(set) var endOfTurn: Int?
  /// EOM: the end of a message that expects a tool's answer.
  public package(set) var endOfMessage: Int?
  /// Stands for text that cannot be expressed.
  public package(set) var unknown: Int?
  /// Fills up batches.
  public package(set) var padding: Int?
  /// A place to be filled in, for diffusion and masked models.
  public package(set) var mask: Int?
  /// Separates two texts.
  public package(set) var separator: Int?

  package init() {}

  /// Texts that end generation in whatever vocabulary they are tokens (llama.cpp, `src/llama-vocab.cpp`).
  package static let endOfGenerationTexts = [
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<|eom_id|>",
    "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|return|>", "<|call|>", "<end_of_utterance>", "<eos>", "<turn|>",
  ]
}
