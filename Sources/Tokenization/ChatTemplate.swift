/// One turn of a conversation.
public struct ChatMessage: Sendable, Hashable {
  /// Who speaks; a template may know more roles than the usual four.
  public struct Role: Sendable, Hashable, RawRepresentable, ExpressibleByStringLiteral {
    /// The name that the template compares with, such as `user`.
    public let rawValue: String

    /// The role with that name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// The role with that name.
    public init(stringLiteral value: String) { self.init(rawValue: value) }

    /// Instructions that hold for the whole conversation.
    public static let system: Role = "system"
    /// The person.
    public static let user: Role = "user"
    /// The model.
    public static let assistant: Role = "assistant"
    /// The result of a tool that the model called.
    public static let tool: Role = "tool"
  }

  /// Who speaks.
  public let role: Role
  /// What is said.
  public let content: String
  /// Further members of the message that a template may look at, such as `tool_calls` or `name`.
  public let fields: [ChatTemplateValue.Member]

  /// A message with that role and text.
  public init(role: Role, content: String, fields: [ChatTemplateValue.Member] = []) {
    self.role = role
    self.content = content
    self.fields = fields
  }

  var value: ChatTemplateValue {
    .object(
      [
        ChatTemplateValue.Member(name: "role", value: .string(role.rawValue)),
        ChatTemplateValue.Member(name: "content", value: .string(content)),
      ] + fields)
  }
}

/// A model's chat template: how a conversation is written as the text the model was trained on.
///
/// The template is a small program in the Jinja language that comes with the model (GGUF key
/// `tokenizer.chat_template`, Hugging Face `chat_template.jinja`). It is rendered as Hugging Face's transformers does,
/// and it is not trusted: what it may use of time, memory and stack is bounded.
public struct ChatTemplate: Sendable {
  /// The template's text.
  public let source: String
  private let beginningOfSequence: String
  private let endOfSequence: String
  private let template: JinjaTemplate

  /// Reads a template.
  ///
  /// - Parameters:
  ///   - source: The template's text.
  ///   - beginningOfSequence: The text of the token that begins a sequence, the variable `bos_token`.
  ///   - endOfSequence: The text of the token that ends a sequence, the variable `eos_token`.
  /// - Throws: ``ChatTemplateError``, with the line, where the text is not well-formed.
  public init(
    source: String, beginningOfSequence: String = "", endOfSequence: String = ""
  ) throws(ChatTemplateError) {
    self.source = source
    self.beginningOfSequence = beginningOfSequence
    self.endOfSequence = endOfSequence
    template = try JinjaTemplate(source: source)
  }

  /// Writes a conversation as the model expects it.
  ///
  /// Where the template writes the beginning-of-sequence token itself, the result begins with its text; a tokenizer
  /// that adds that token, too, must not be allowed to.
  ///
  /// - Parameters:
  ///   - messages: The conversation, oldest message first.
  ///   - addGenerationPrompt: Whether to end with the opening of the assistant's answer.
  ///   - variables: Further variables of the template, such as `tools` or `enable_thinking`; they win over the usual ones.
  /// - Throws: ``ChatTemplateError``; its reason is `raised` where the template refuses the conversation, for example
  ///   because roles do not alternate.
  public func render(
    _ messages: [ChatMessage], addGenerationPrompt: Bool = true, variables: [ChatTemplateValue.Member] = []
  ) throws(ChatTemplateError) -> String {
    let usual: [(name: String, value: ChatTemplateValue)] = [
      ("messages", .array(messages.map(\.value))),
      ("add_generation_prompt", .boolean(addGenerationPrompt)),
      ("bos_token", .string(beginningOfSequence)),
      ("eos_token", .string(endOfSequence)),
    ]
    return try template.render(usual + variables.map { ($0.name, $0.value) })
  }
}
