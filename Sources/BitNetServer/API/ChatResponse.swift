import Tokenization

/// The parts of a whole answer of `/v1/chat/completions`.
enum ChatResponse {
  struct Message: Encodable {
    var role = "assistant"
    @WritesNull var content: String?
    @WritesNull var refusal: String?
    var toolCalls: [ToolCall]?

    private enum CodingKeys: String, CodingKey {
      case role, content, refusal
      case toolCalls = "tool_calls"
    }
  }

  struct Choice: Encodable {
    var index: Int
    var message: Message
    @WritesNull var logprobs: ChatLogprobs?
    var finishReason: String

    private enum CodingKeys: String, CodingKey {
      case index, message, logprobs
      case finishReason = "finish_reason"
    }
  }
}

/// The parts of a piece of a streamed answer.
enum ChatChunk {
  struct Delta: Encodable {
    struct IndexedToolCall: Encodable {
      var index: Int
      var id: String
      var type: String
      var function: ToolCall.Function
    }

    var role: String?
    var content: String?
    var toolCalls: [IndexedToolCall]?

    private enum CodingKeys: String, CodingKey {
      case role, content
      case toolCalls = "tool_calls"
    }
  }

  struct Choice: Encodable {
    var index: Int
    var delta: Delta
    @WritesNull var logprobs: ChatLogprobs?
    @WritesNull var finishReason: String?

    private enum CodingKeys: String, CodingKey {
      case index, delta, logprobs
      case finishReason = "finish_reason"
    }
  }
}

/// Tokens and their probabilities, in the form of OpenAI's chat endpoint.
struct ChatLogprobs: Encodable {
  struct Alternative: Encodable {
    var token: String
    var logprob: Float
    var bytes: [Int]

    init(_ id: Int, _ logprob: Float, _ tokenizer: Tokenizer) {
      token = tokenizer.text(of: id)
      self.logprob = finite(logprob)
      bytes = tokenizer.bytes(of: id).map(Int.init)
    }
  }

  struct Token: Encodable {
    var token: String
    var logprob: Float
    var bytes: [Int]
    var topLogprobs: [Alternative]

    private enum CodingKeys: String, CodingKey {
      case token, logprob, bytes
      case topLogprobs = "top_logprobs"
    }
  }

  var content: [Token] = []

  mutating func append(_ tokens: [GeneratedToken], tokenizer: Tokenizer) {
    content += tokens.map { token in
      let own = Alternative(token.id, token.logprob ?? -.infinity, tokenizer)
      return Token(
        token: own.token, logprob: own.logprob, bytes: own.bytes,
        topLogprobs: token.top.map { Alternative($0.id, $0.logprob, tokenizer) })
    }
  }
}
