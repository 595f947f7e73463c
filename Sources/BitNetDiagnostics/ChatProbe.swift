import BitNet
import Tokenization

/// Whether a model ends an answer as a chat format does. One that was trained with the format ends a finished answer with
/// its token nearly always, one that never saw it hardly ever.
public struct ChatProbe: Sendable, Codable {
  /// `template` for the model's own chat template, else the name of a common format whose tokens the vocabulary has.
  public var format: String
  /// The token that ends an answer.
  public var turnEnd: String
  /// Its probability behind a finished answer.
  public var probability: Double
}

extension ChatProbe {
  /// Formats that are tried where there is no template.
  private static let formats = [
    (
      name: "ChatML", mark: "<|im_end|>",
      source: "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    ),
    (
      name: "Llama 3", mark: "<|eot_id|>",
      source:
        "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n{{ m['content'] }}<|eot_id|>"
        + "{% endfor %}"
    ),
  ]

  /// - Returns: `nil` where there is neither a template that marks the end of an answer nor a format that fits.
  static func measure(_ model: Model, turnEnd: String?, isCancelled: () -> Bool) throws -> ChatProbe? {
    guard let tokenizer = model.tokenizer else { return nil }
    if tokenizer.chatTemplates["default"] != nil {
      guard let turnEnd, let template = try? tokenizer.chatTemplate() else { return nil }
      return try measure(model, tokenizer, template, turnEnd, format: "template", isCancelled: isCancelled)
    }
    for format in formats {
      guard let template = try? ChatTemplate(source: format.source) else { continue }
      let probe = try measure(
        model, tokenizer, template, format.mark, format: format.name, isCancelled: isCancelled)
      if let probe { return probe }
    }
    return nil
  }

  private static func measure(
    _ model: Model, _ tokenizer: Tokenizer, _ template: ChatTemplate, _ turnEnd: String, format: String,
    isCancelled: () -> Bool
  ) throws -> ChatProbe? {
    let talk = [
      ChatMessage(role: .user, content: "What is the capital of France?"),
      ChatMessage(role: .assistant, content: "The capital of France is Paris."),
    ]
    let rows = model.configuration.vocabularySize
    guard let end = tokenizer.id(ofTokenNamed: turnEnd),
      let tokens = try? tokenizer.encode(chat: talk, template: template, addGenerationPrompt: false),
      let place = tokens.lastIndex(of: end), place > 0, place < model.contextLength, tokens.allSatisfy({ $0 < rows })
    else { return nil }
    let next = NextToken(try model.makeSession().logits(after: Array(tokens[..<place]), isCancelled: isCancelled))
    return ChatProbe(format: format, turnEnd: turnEnd, probability: next.probability(end))
  }
}
