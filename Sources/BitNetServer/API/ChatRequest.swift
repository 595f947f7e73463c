import BitNet
import ModelFormats
import Tokenization

/// A request to `/v1/chat/completions`, understood and checked.
struct ChatRequest {
  var conversation: Conversation
  var tokens: [Int]
  var parameters: SamplingParameters
  /// The number of alternatives; `nil` for no log-probabilities.
  var logprobs: Int?
  var constraint: JSONConstraint?
  var allowsParallelToolCalls: Bool

  /// - Throws: 400 or 404, naming the parameter.
  init(_ request: RequestObject, context: APIContext) throws(APIError) {
    try context.checkModel(request)
    parameters = try SamplingParameters(request, context: context)
    let limit = try request.integer("max_tokens", in: 1...(1 << 30))
    parameters.maximumTokens = try request.integer("max_completion_tokens", in: 1...(1 << 30)) ?? limit
    let wantsLogprobs = try request.bool("logprobs") ?? false
    let top = try request.integer("top_logprobs", in: 0...context.limits.topLogprobs)
    if top != nil, !wantsLogprobs { throw .invalid("top_logprobs", "only allowed with \"logprobs\": true") }
    logprobs = wantsLogprobs ? top ?? 0 : nil
    constraint = try context.formats.constraint(request)
    try parameters.checkDiffusion(topLogprobs: logprobs, constraint: constraint)
    allowsParallelToolCalls = try request.bool("parallel_tool_calls") ?? true
    conversation = try Conversation(request, context: context)
    if let call = try context.formats.constraint(conversation.tools) {
      if constraint != nil { throw .unsupported("tool_choice", "a call of a tool has no response_format") }
      if parameters.diffusion != nil {
        throw .unsupported("tool_choice", "block diffusion cannot be constrained; use decode_mode autoregressive")
      }
      constraint = call
    }
    if let modalities = try request.array("modalities") {
      guard modalities.count == 1, case .string("text") = modalities[0] else {
        throw .unsupported("modalities", "only [\"text\"] is")
      }
    }
    try request.refuseUnknown()
    tokens = try conversation.encode(with: context.tokenizer)
    try context.checkPrompt(tokens, parameter: "messages")
  }

  func sequences(context: APIContext, client: String, deadline: ContinuousClock.Instant) -> [SequenceRequest] {
    parameters.sequences(tokens, topLogprobs: logprobs, constraint: constraint, context: context) {
      $0.client = client
      $0.deadline = deadline
    }
  }
}

/// What a chat template renders: the part of a request that `/apply-template` understands, too.
struct Conversation {
  var messages: [ChatMessage]
  var tools: Tools
  var addsGenerationPrompt: Bool
  var template: ChatTemplate

  /// - Throws: 400, naming the parameter.
  init(_ request: RequestObject, context: APIContext) throws(APIError) {
    guard let template = context.template else {
      throw .invalid("messages", "the model has no chat template; use /v1/completions")
    }
    self.template = template
    guard let messages = try request.objects("messages") else { throw .invalid("messages", "it is missing") }
    guard !messages.isEmpty else { throw .invalid("messages", "it is empty") }
    var converted: [ChatMessage] = []
    for message in messages { converted.append(try ChatMessage(message)) }
    self.messages = converted
    addsGenerationPrompt = try request.bool("add_generation_prompt") ?? true
    tools = try Tools(request, template: template)
  }

  private var variables: [ChatTemplateValue.Member] {
    tools.listed.map { [ChatTemplateValue.Member(name: "tools", value: $0)] } ?? []
  }

  /// - Throws: 400 where the template refuses the conversation.
  func encode(with tokenizer: Tokenizer) throws(APIError) -> [Int] {
    do {
      return try tokenizer.encode(
        chat: messages, template: template, addGenerationPrompt: addsGenerationPrompt, variables: variables,
        opening: tools.opening)
    } catch {
      throw .invalid("messages", error.description)
    }
  }

  /// - Throws: 400 where the template refuses the conversation.
  func render() throws(APIError) -> String {
    do {
      return try template.render(messages, addGenerationPrompt: addsGenerationPrompt, variables: variables)
        + tools.opening
    } catch {
      throw .invalid("messages", error.description)
    }
  }
}

extension ChatMessage {
  fileprivate init(_ message: RequestObject) throws(APIError) {
    guard let role = try message.string("role") else { throw .invalid(message.path(of: "role"), "it is missing") }
    let roles = ["system", "developer", "user", "assistant", "tool"]
    guard roles.contains(role) else {
      throw .invalid(
        message.path(of: "role"), "'\(role.prefix(40))' is not known; expected \(roles.joined(separator: ", "))")
    }
    var fields: [ChatTemplateValue.Member] = []
    for name in ["name", "tool_call_id"] {
      if let value = try message.string(name) { fields.append(.init(name: name, value: .string(value))) }
    }
    let calls = try message.objects("tool_calls")
    if let calls { fields.append(.init(name: "tool_calls", value: .array(try calls.map(toolCall)))) }
    if try message.string("refusal") != nil { throw .unsupported(message.path(of: "refusal"), "models here have none") }
    let content = try text(message)
    guard content != nil || calls != nil else { throw .invalid(message.path(of: "content"), "it is missing") }
    try message.refuseUnknown()
    // OpenAI renamed the role; templates know the old name.
    self.init(role: role == "developer" ? .system : Role(rawValue: role), content: content ?? "", fields: fields)
  }
}

/// The content of a message: a text, or parts that are texts.
private func text(_ message: RequestObject) throws(APIError) -> String? {
  guard let content = message.value("content") else { return nil }
  if case .string(let text) = content { return text.string }
  guard case .array = content, let parts = try message.objects("content") else {
    throw message.wrongType("content", content, "a string or an array of parts")
  }
  var text = ""
  for part in parts {
    guard try part.string("type") == "text" else {
      throw .unsupported(part.path(of: "type"), "only parts of the type \"text\" are")
    }
    guard let piece = try part.string("text") else { throw .invalid(part.path(of: "text"), "it is missing") }
    try part.refuseUnknown()
    text += piece
  }
  return text
}

/// A call that an earlier answer made. Clients send its arguments as a text of JSON; templates want the object.
private func toolCall(_ call: RequestObject) throws(APIError) -> ChatTemplateValue {
  guard let function = try call.object("function"), let name = try function.string("name") else {
    throw .invalid(call.path(of: "function"), "expected an object with a name and arguments")
  }
  let arguments: ChatTemplateValue
  switch function.value("arguments") {
  case nil: arguments = .object([])
  case .string(let text):
    guard let value = try? JSONParser.parse(text.bytes, file: "arguments"), case .object = value else {
      throw .invalid(function.path(of: "arguments"), "expected a JSON object in a string")
    }
    arguments = ChatTemplateValue(value)
  case let value?: arguments = ChatTemplateValue(value)
  }
  return [
    "type": "function", "id": .string(try call.string("id") ?? ""),
    "function": ["name": .string(name), "arguments": arguments],
  ]
}

extension ChatTemplateValue {
  /// A JSON value, its members in their order.
  init(_ value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .bool(let flag): .boolean(flag)
      case .integer(let integer): .integer(Int(integer))
      case .number(let number): .number(number)
      case .string(let text): .string(text.string)
      case .array(let values): .array(values.map(ChatTemplateValue.init))
      case .object(let object):
        .object(object.entries.map { Member(name: $0.key.string, value: ChatTemplateValue($0.value)) })
      }
  }
}
