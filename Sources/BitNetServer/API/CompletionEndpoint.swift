#if Server
import Tokenization

/// `POST /v1/completions`: continues texts.
struct CompletionEndpoint: Sendable {
  let context: APIContext

  func respond(to incoming: IncomingRequest) async throws -> Answer {
    let request = try CompletionRequest(RequestObject(parsing: incoming.body), context: context)
    incoming.record.logPrompt { request.prompts.map(\.text).joined(separator: "\n---\n") }
    let sequences = request.sequences(
      context: context, client: incoming.client, deadline: incoming.deadline)
    let events = try context.submit(sequences)
    let readers = zip(sequences, events).enumerated().map { index, pair in
      ChoiceReader(
        index: index, request: pair.0, events: pair.1, stops: request.parameters.stops, continuing: true,
        reportsStopToken: request.echoes, context: context)
    }
    let choices = Choices(readers: readers)
    try await incoming.start(choices)
    let writer = CompletionWriter(request: request, context: context, incoming: incoming)
    guard request.parameters.isStreamed else { return try await writer.whole(choices) }
    return .events { try await writer.stream(choices, $0) }
  }
}

/// Puts answers into OpenAI's form.
private struct CompletionWriter: Sendable {
  let prompts: [String]
  let count: Int
  let echoes: Bool
  let wantsLogprobs: Bool
  let includesUsage: Bool
  let context: APIContext
  let incoming: IncomingRequest

  init(request: CompletionRequest, context: APIContext, incoming: IncomingRequest) {
    prompts = request.prompts.map(\.text)
    count = request.parameters.choices
    echoes = request.echoes
    wantsLogprobs = request.logprobs != nil
    includesUsage = request.parameters.includesUsage
    self.context = context
    self.incoming = incoming
  }

  func whole(_ choices: Choices) async throws -> Answer {
    var states = makeStates(choices)
    var usage = Usage()
    var result = choices.readers.map { CompletionResponse.Choice(text: "", index: $0.index) }
    if wantsLogprobs { for index in result.indices { result[index].logprobs = CompletionLogprobs() } }
    try await choices.forEachDelta { delta in
      let piece = states[delta.index].choice(delta)
      result[delta.index].text += piece.text
      result[delta.index].finishReason = piece.finishReason
      if let logprobs = piece.logprobs { result[delta.index].logprobs?.append(logprobs) }
      if let end = delta.end { usage.add(end.usage, countsPrompt: delta.index.isMultiple(of: count)) }
    }
    incoming.record.usage = usage
    return try .json(response(result, usage: usage))
  }

  func stream(_ choices: Choices, _ send: ([UInt8]) async throws -> Void) async throws {
    var states = makeStates(choices)
    var usage = Usage()
    try await choices.forEachDelta { delta in
      if let end = delta.end { usage.add(end.usage, countsPrompt: delta.index.isMultiple(of: count)) }
      var chunk = response([states[delta.index].choice(delta)])
      if !delta.provisional.isEmpty {
        chunk.provisional = delta.provisional.map { ProvisionalPiece($0, tokenizer: context.tokenizer) }
      }
      try await send(JSONText.encode(chunk))
    }
    incoming.record.usage = usage
    if includesUsage { try await send(JSONText.encode(response([], usage: usage))) }
    try await send(Array("[DONE]".utf8))
  }

  private func response(
    _ choices: [CompletionResponse.Choice], usage: Usage? = nil
  ) -> APIResponse<CompletionResponse.Choice> {
    APIResponse(
      id: "cmpl-\(incoming.id)", object: "text_completion", created: incoming.time, model: context.modelName,
      choices: choices, usage: usage)
  }

  private func makeStates(_ choices: Choices) -> [State] {
    choices.readers.map {
      State(
        echo: echoes ? prompts[$0.index / count] : "", wantsLogprobs: wantsLogprobs, tokenizer: context.tokenizer,
        offset: echoes ? 0 : prompts[$0.index / count].unicodeScalars.count)
    }
  }

  /// What is carried from one piece of an answer to the next.
  private struct State {
    var echo: String
    let wantsLogprobs: Bool
    let tokenizer: Tokenizer
    var offset: Int

    mutating func choice(_ delta: ChoiceDelta) -> CompletionResponse.Choice {
      defer { echo = "" }
      var logprobs: CompletionLogprobs?
      if wantsLogprobs {
        var list = CompletionLogprobs()
        for token in delta.tokens { list.append(token, tokenizer: tokenizer, offset: &offset) }
        logprobs = list
      }
      return CompletionResponse.Choice(
        text: echo + delta.text, index: delta.index, logprobs: logprobs, finishReason: delta.end?.reason.rawValue)
    }
  }
}

extension CompletionLogprobs {
  fileprivate mutating func append(_ other: CompletionLogprobs) {
    tokens += other.tokens
    tokenLogprobs += other.tokenLogprobs
    topLogprobs += other.topLogprobs
    textOffset += other.textOffset
  }
}
#endif
