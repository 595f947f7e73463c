import Tokenization

/// The frame around answers and pieces of them that OpenAI's endpoints share.
struct APIResponse<Choice: Encodable>: Encodable {
  var id: String
  /// Which kind of answer it is.
  var object: String
  var created: Int
  var model: String
  var choices: [Choice]
  var usage: Usage?
  var provisional: [ProvisionalPiece]?
}

/// A token of block diffusion that may still change, for those who want to watch.
struct ProvisionalPiece: Encodable {
  /// How far it lies beyond the text so far, in tokens.
  var offset: Int
  /// `null` while it is masked.
  @WritesNull var text: String?
  /// The probability that the model gives it, 0 to 1.
  var confidence: Float

  init(_ token: ProvisionalToken, tokenizer: Tokenizer) {
    offset = token.offset
    text = token.id.map { tokenizer.text(of: $0) }
    confidence = token.confidence
  }
}
