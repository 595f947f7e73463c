#if Server
import Tokenization

/// `POST /v1/chat/completions`: answers conversations.
struct ChatEndpoint: Sendable {
  let context: APIContext

  func respond(to incoming: IncomingRequest) async throws -> Answer {
    let request = try ChatRequest(RequestObject(parsing: incoming.body), context: context)
    incoming.record.logPrompt { (try? request.conversation.render()) ?? "" }
    let sequences = request.sequences(
      context: context, client: incoming.client, deadline: incoming.deadline)
    let events = try context.submit(sequences)
    let readers = zip(sequences, events).enumerated().map { index, pair in
      ChoiceReader(
        index: index, request: pair.0, events: pair.1, stops: request.parameters.stops, continuing: false,
        reportsStopToken: false, context: context)
    }
    let choices = Choices(readers: readers)
    try await incoming.start(choices)
    let writer = ChatWriter(request: request, context: context, incoming: incoming)
    guard request.parameters.isStreamed else { return try await writer.whole(choices) }
    return .events { try await writer.stream(choices, $0) }
  }
}

/// Puts answers into OpenAI's form.
private struct ChatWriter: Sendable {
  let wantsLogprobs: Bool
  let includesUsage: Bool
  let tools: Tools
  let allowsParallelToolCalls: Bool
  let context: APIContext
  let incoming: IncomingRequest

  init(request: ChatRequest, context: APIContext, incoming: IncomingRequest) {
    wantsLogprobs = request.logprobs != nil
    includesUsage = request.parameters.includesUsage
    tools = request.conversation.tools
    allowsParallelToolCalls = request.allowsParallelToolCalls
    self.context = context
    self.incoming = incoming
  }

  func whole(_ choices: Choices) async throws -> Answer {
    var states = makeStates(choices)
    var usage = Usage()
    var result = choices.readers.map {
      ChatResponse.Choice(
        index: $0.index, message: .init(content: ""), logprobs: wantsLogprobs ? ChatLogprobs() : nil, finishReason: "")
    }
    try await choices.forEachDelta { delta in
      let piece = states[delta.index].piece(delta)
      result[delta.index].message.content? += piece.text
      result[delta.index].logprobs?.append(delta.tokens, tokenizer: context.tokenizer)
      if let reason = piece.reason { result[delta.index].finishReason = reason.rawValue }
      if !piece.calls.isEmpty { result[delta.index].message.toolCalls = piece.calls }
      if let end = delta.end { usage.add(end.usage, countsPrompt: delta.index == 0) }
    }
    for index in result.indices where result[index].message.toolCalls != nil && result[index].message.content == "" {
      result[index].message.content = nil
    }
    incoming.record.usage = usage
    return try .json(
      APIResponse(
        id: id, object: "chat.completion", created: incoming.time, model: context.modelName, choices: result,
        usage: usage))
  }

  func stream(_ choices: Choices, _ send: ([UInt8]) async throws -> Void) async throws {
    var states = makeStates(choices)
    var usage = Usage()
    for reader in choices.readers {
      let opening = ChatChunk.Delta(role: "assistant", content: "")
      try await send(JSONText.encode(chunk([.init(index: reader.index, delta: opening)])))
    }
    try await choices.forEachDelta { delta in
      let piece = states[delta.index].piece(delta)
      if let end = delta.end { usage.add(end.usage, countsPrompt: delta.index == 0) }
      for data in try chunks(delta, piece) { try await send(data) }
    }
    incoming.record.usage = usage
    if includesUsage { try await send(JSONText.encode(chunk([], usage: usage))) }
    try await send(Array("[DONE]".utf8))
  }

  /// The end of an answer is a chunk of its own, as clients expect it.
  private func chunks(_ delta: ChoiceDelta, _ piece: Piece) throws -> [[UInt8]] {
    var chunks: [APIResponse<ChatChunk.Choice>] = []
    if !piece.text.isEmpty || !delta.tokens.isEmpty {
      var choice = ChatChunk.Choice(index: delta.index, delta: .init(content: piece.text))
      if wantsLogprobs {
        var logprobs = ChatLogprobs()
        logprobs.append(delta.tokens, tokenizer: context.tokenizer)
        choice.logprobs = logprobs
      }
      chunks.append(chunk([choice]))
    }
    if !piece.calls.isEmpty {
      let calls = piece.calls.enumerated().map { index, call in
        ChatChunk.Delta.IndexedToolCall(index: index, id: call.id, type: call.type, function: call.function)
      }
      chunks.append(chunk([.init(index: delta.index, delta: .init(toolCalls: calls))]))
    }
    if !delta.provisional.isEmpty {
      var provisional = chunk([])
      provisional.provisional = delta.provisional.map { ProvisionalPiece($0, tokenizer: context.tokenizer) }
      chunks.append(provisional)
    }
    if let reason = piece.reason {
      chunks.append(chunk([.init(index: delta.index, delta: .init(), finishReason: reason.rawValue)]))
    }
    return try chunks.map(JSONText.encode)
  }

  private var id: String { "chatcmpl-\(incoming.id)" }

  private func chunk(_ choices: [ChatChunk.Choice], usage: Usage? = nil) -> APIResponse<ChatChunk.Choice> {
    APIResponse(
      id: id, object: "chat.completion.chunk", created: incoming.time, model: context.modelName, choices: choices,
      usage: usage)
  }

  private func makeStates(_ choices: Choices) -> [State] {
    var filter = tools.style.map(ToolCallFilter.init)
    // The prompt has it already.
    _ = filter?.append(tools.opening)
    return choices.readers.map { _ in State(filter: filter, allowsParallelToolCalls: allowsParallelToolCalls) }
  }

  /// A delta without the calls of tools in it.
  private struct Piece {
    var text: String
    var calls: [ToolCall] = []
    var reason: ChoiceEnd.Reason?
  }

  /// What is carried from one piece of an answer to the next.
  private struct State {
    var filter: ToolCallFilter?
    let allowsParallelToolCalls: Bool

    mutating func piece(_ delta: ChoiceDelta) -> Piece {
      guard filter != nil else { return Piece(text: delta.text, reason: delta.end?.reason) }
      var piece = Piece(text: filter?.append(delta.text) ?? "", reason: delta.end?.reason)
      guard delta.end != nil, let rest = filter?.finish(makeID: { "call_" + RequestID.random(length: 24) }) else {
        return piece
      }
      piece.text += rest.text
      piece.calls = allowsParallelToolCalls ? rest.calls : Array(rest.calls.prefix(1))
      if !piece.calls.isEmpty { piece.reason = .toolCalls }
      return piece
    }
  }
}
#endif
