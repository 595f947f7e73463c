#if Server
import BitNet
import ModelFormats
import Tokenization

/// `/tokenize`, `/detokenize`, `/apply-template`, `/tokenizer_info`: what happens to text around the model.
struct TextEndpoints: Sendable {
  let context: APIContext

  private struct Tokens: Encodable {
    var tokens: [Int]
    var count: Int
    var maxModelLength: Int

    private enum CodingKeys: String, CodingKey {
      case tokens, count
      case maxModelLength = "max_model_len"
    }
  }

  /// `{"prompt": text}`, or `{"messages": […]}` for what a conversation becomes.
  func tokenize(_ incoming: IncomingRequest) throws -> Answer {
    let request = try RequestObject(parsing: incoming.body)
    try context.checkModel(request)
    var tokens: [Int]
    if request.value("messages") != nil {
      tokens = try Conversation(request, context: context).encode(with: context.tokenizer)
    } else {
      let prompt = try request.string("prompt")
      guard let text = try prompt ?? request.string("content") else {
        throw APIError.invalid("prompt", "it is missing")
      }
      tokens = context.tokenizer.encode(
        text, addSpecialTokens: try request.bool("add_special_tokens") ?? true,
        parseSpecialTokens: try request.bool("parse_special") ?? true)
    }
    try request.refuseUnknown()
    return try .json(Tokens(tokens: tokens, count: tokens.count, maxModelLength: context.model.contextLength))
  }

  /// `{"tokens": [1, 2, 3]}`.
  func detokenize(_ incoming: IncomingRequest) throws -> Answer {
    let request = try RequestObject(parsing: incoming.body)
    try context.checkModel(request)
    guard let values = try request.array("tokens") else { throw APIError.invalid("tokens", "it is missing") }
    let tokens = try context.tokens(values, parameter: "tokens")
    let includesSpecial = try request.bool("include_special") ?? true
    try request.refuseUnknown()
    let text = context.tokenizer.decode(tokens, includingSpecialTokens: includesSpecial)
    // Both names are in use: vLLM's and llama.cpp's.
    return try .json(["prompt": text, "content": text])
  }

  /// `{"messages": […], "tools": […]}`.
  func applyTemplate(_ incoming: IncomingRequest) throws -> Answer {
    let request = try RequestObject(parsing: incoming.body)
    try context.checkModel(request)
    let conversation = try Conversation(request, context: context)
    try request.refuseUnknown()
    return try .json(["prompt": conversation.render()])
  }

  private struct TokenizerInfo: Encodable {
    var eosToken: String?
    var bosToken: String?
    var padToken: String?
    var chatTemplate: String?
    var vocabularySize: Int

    private enum CodingKeys: String, CodingKey {
      case eosToken = "eos_token"
      case bosToken = "bos_token"
      case padToken = "pad_token"
      case chatTemplate = "chat_template"
      case vocabularySize = "vocab_size"
    }
  }

  /// What a client needs that renders conversations by itself.
  func tokenizerInfo() throws -> Answer {
    let tokenizer = context.tokenizer
    return try .json(
      TokenizerInfo(
        eosToken: tokenizer.endOfSequence.map(tokenizer.text),
        bosToken: tokenizer.beginningOfSequence.map(tokenizer.text),
        padToken: tokenizer.padding.map(tokenizer.text), chatTemplate: context.template?.source,
        vocabularySize: tokenizer.vocabularySize))
  }
}
#endif
