/// What a token stands for; the raw values are those of GGUF's `tokenizer.ggml.token_type` and of SentencePiece.
public enum TokenType: Int, Sendable, Hashable {
  /// A piece of text that encoding may produce.
  case normal = 1
  /// Stands for text that the vocabulary cannot express.
  case unknown = 2
  /// Steers the model and prints nothing: beginning of sequence, end of turn, …
  case control = 3
  /// Text that is cut out as one token before anything else is looked at.
  case userDefined = 4
  /// A place holder that encoding never produces.
  case unused = 5
  /// One byte of text, for characters that have no token: `<0x0A>`.
  case byte = 6
}
