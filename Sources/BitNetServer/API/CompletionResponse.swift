import Tokenization

/// The parts of an answer of `/v1/completions`, whole or a piece of it.
enum CompletionResponse {
  struct Choice: Encodable {
    var text: String
    var index: Int
    @WritesNull var logprobs: CompletionLogprobs?
    @WritesNull var finishReason: String?

    private enum CodingKeys: String, CodingKey {
      case text, index, logprobs
      case finishReason = "finish_reason"
    }
  }
}

/// Tokens and their probabilities, in the form of OpenAI's older endpoint.
struct CompletionLogprobs: Encodable {
  var tokens: [String] = []
  var tokenLogprobs: [Float?] = []
  var topLogprobs: [[String: Float]?] = []
  /// Where in the text each token begins, in Unicode scalars.
  var textOffset: [Int] = []

  private enum CodingKeys: String, CodingKey {
    case tokens
    case tokenLogprobs = "token_logprobs"
    case topLogprobs = "top_logprobs"
    case textOffset = "text_offset"
  }

  /// Adds a token.
  ///
  /// - Parameter offset: where it begins; moved behind it.
  mutating func append(_ token: GeneratedToken, tokenizer: Tokenizer, offset: inout Int) {
    let name = tokenizer.legacyName(of: token.id)
    tokens.append(name)
    tokenLogprobs.append(token.logprob.map(finite))
    textOffset.append(offset)
    // Of the characters that several tokens make up, the first counts.
    offset += tokenizer.bytes(of: token.id).count { $0 & 0xC0 != 0x80 }
    guard let logprob = token.logprob else { return topLogprobs.append(nil) }
    var top: [String: Float] = [:]
    for alternative in token.top {
      let name = tokenizer.legacyName(of: alternative.id)
      // Different tokens may look the same.
      top[name] = max(finite(alternative.logprob), top[name] ?? -.infinity)
    }
    top[name] = max(finite(logprob), top[name] ?? -.infinity)
    topLogprobs.append(top)
  }
}

/// JSON has no infinity; this is what OpenAI writes for what cannot be.
func finite(_ logprob: Float) -> Float { max(logprob, -9999) }

extension Tokenizer {
  /// A token's text; what is no whole text is spelled out as OpenAI's older endpoint does: `bytes:\xe2\x80`.
  fileprivate func legacyName(of token: Int) -> String {
    let bytes = bytes(of: token)
    guard !bytes.isEmpty, String(validating: bytes, as: UTF8.self) == nil else { return text(of: token) }
    return "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
