/// What a response took, as OpenAI counts it.
struct Usage: Encodable, Sendable {
  struct PromptDetails: Encodable, Sendable {
    var cachedTokens: Int

    private enum CodingKeys: String, CodingKey { case cachedTokens = "cached_tokens" }
  }

  var promptTokens = 0
  var completionTokens = 0
  var totalTokens = 0
  var promptDetails = PromptDetails(cachedTokens: 0)

  private enum CodingKeys: String, CodingKey {
    case promptTokens = "prompt_tokens"
    case completionTokens = "completion_tokens"
    case totalTokens = "total_tokens"
    case promptDetails = "prompt_tokens_details"
  }

  /// Counts one answer. The answers to one prompt share it.
  mutating func add(_ usage: SequenceUsage, countsPrompt: Bool) {
    if countsPrompt {
      promptTokens += usage.promptTokens
      promptDetails.cachedTokens += usage.cachedPromptTokens
    }
    completionTokens += usage.generatedTokens
    totalTokens = promptTokens + completionTokens
  }
}
