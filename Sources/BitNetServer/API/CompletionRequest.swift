import BitNet
import ModelFormats
import Tokenization

/// A request to `/v1/completions`, understood and checked.
struct CompletionRequest {
  struct Prompt {
    var tokens: [Int]
    /// The prompt as the client wrote it, for `echo`.
    var text: String
  }

  var prompts: [Prompt]
  var parameters: SamplingParameters
  /// The number of alternatives; `nil` for no log-probabilities.
  var logprobs: Int?
  var echoes: Bool
  var constraint: JSONConstraint?

  /// - Throws: 400 or 404, naming the parameter.
  init(_ request: RequestObject, context: APIContext) throws(APIError) {
    try context.checkModel(request)
    parameters = try SamplingParameters(request, context: context)
    parameters.maximumTokens = try request.integer("max_tokens", in: 0...(1 << 30)) ?? 16
    logprobs = try request.integer("logprobs", in: 0...context.limits.topLogprobs)
    echoes = try request.bool("echo") ?? false
    constraint = try context.formats.constraint(request)
    try parameters.checkDiffusion(topLogprobs: logprobs, constraint: constraint)
    let addsSpecialTokens = try request.bool("add_special_tokens") ?? true
    prompts = try Self.prompts(request, addSpecialTokens: addsSpecialTokens, context: context)
    if let suffix = try request.string("suffix"), !suffix.isEmpty {
      throw .unsupported("suffix", "this model continues texts, it does not fill gaps")
    }
    if let best = try request.integer("best_of"), best != parameters.choices {
      throw .unsupported("best_of", "only the value of 'n' is")
    }
    try request.refuseUnknown()
  }

  private static func prompts(
    _ request: RequestObject, addSpecialTokens: Bool, context: APIContext
  ) throws(APIError) -> [Prompt] {
    let expected = "a string, an array of strings, an array of token ids or an array of such arrays"
    guard let value = request.value("prompt") else { throw .invalid("prompt", "it is missing; expected \(expected)") }
    var prompts: [Prompt] = []
    for (index, item) in try items(value, request, expected).enumerated() {
      let prompt: Prompt
      switch item {
      case .string(let text):
        let string = text.string
        prompt = Prompt(
          tokens: context.tokenizer.encode(
            string, addSpecialTokens: addSpecialTokens, parseSpecialTokens: true),
          text: string)
      case .array(let values):
        let tokens = try context.tokens(values, parameter: "prompt")
        prompt = Prompt(tokens: tokens, text: context.tokenizer.decode(tokens, includingSpecialTokens: true))
      default: throw request.wrongType("prompt[\(index)]", item, "a string or an array of token ids")
      }
      try context.checkPrompt(prompt.tokens, parameter: "prompt")
      prompts.append(prompt)
    }
    guard (1...context.limits.prompts).contains(prompts.count) else {
      throw .invalid("prompt", "\(prompts.count) prompts, expected 1 to \(context.limits.prompts)")
    }
    return prompts
  }

  /// The prompts, each a string or an array of ids.
  private static func items(
    _ value: JSONValue, _ request: RequestObject, _ expected: String
  ) throws(APIError) -> [JSONValue] {
    guard case .array(let values) = value else { return [value] }
    guard let first = values.first else { throw .invalid("prompt", "it is empty; there is nothing to continue") }
    switch first {
    case .integer, .number: return [value]
    case .string, .array: return values
    default: throw request.wrongType("prompt[0]", first, expected)
    }
  }

  /// The sequences, `n` for each prompt.
  func sequences(context: APIContext, client: String, deadline: ContinuousClock.Instant) -> [SequenceRequest] {
    prompts.flatMap { prompt in
      parameters.sequences(prompt.tokens, topLogprobs: logprobs, constraint: constraint, context: context) {
        $0.wantsPromptLogprobs = echoes && logprobs != nil
        $0.client = client
        $0.deadline = deadline
      }
    }
  }
}

extension SamplingParameters {
  /// One sequence for each choice. A seed gives each its own draws.
  func sequences(
    _ tokens: [Int], topLogprobs: Int?, constraint: JSONConstraint?, context: APIContext,
    finish: (inout SequenceRequest) -> Void
  ) -> [SequenceRequest] {
    (0..<choices).map { choice in
      var sampling = sampling
      if let seed = sampling.seed { sampling.seed = seed &+ UInt64(choice) }
      var request = SequenceRequest(prompt: tokens, sampling: sampling)
      request.maximumTokens = maximumTokens
      request.stopTokens = stopTokens.union(ignoresEnd ? [] : context.tokenizer.endOfGeneration)
      request.topLogprobs = topLogprobs
      request.constraint = constraint
      request.diffusion = diffusion
      request.wantsProvisional = includesProvisional
      finish(&request)
      return request
    }
  }
}
