extension Tokenizer {
  /// The model's default chat template; `nil` if it has none.
  ///
  /// - Throws: `ChatTemplateError` when the template cannot be parsed.
  public func chatTemplate() throws(ChatTemplateError) -> ChatTemplate? {
    guard let source = chatTemplates["default"] else { return nil }
    return try ChatTemplate(
      source: source, beginningOfSequence: beginningOfSequence.map(text(of:)) ?? "",
      endOfSequence: endOfSequence.map(text(of:)) ?? "")
  }

  /// The ids of a conversation, ready for the model to answer.
  ///
  /// Control tokens are recognized in the template's own text only: a message, a tool's description or any other string
  /// that contains `<|im_end|>` spells it out, and cannot end its turn or speak for somebody else.
  ///
  /// - Parameters:
  ///   - addGenerationPrompt: Whether to end with the opening of the assistant's answer.
  ///   - variables: Further variables of the template, such as `tools`.
  ///   - opening: What the answer is made to begin with; control tokens are recognized in it.
  /// - Throws: `ChatTemplateError` when the template refuses the conversation.
  public func encode(
    chat messages: [ChatMessage], template: ChatTemplate, addGenerationPrompt: Bool = true,
    variables: [ChatTemplateValue.Member] = [], opening: String = ""
  ) throws(ChatTemplateError) -> [Int] {
    let shield = Shield()
    func shielded(_ value: ChatTemplateValue) -> ChatTemplateValue {
      switch value {
      case .string(let text): .string(shielding(text, with: shield))
      case .array(let values): .array(values.map(shielded))
      case .object(let members): .object(shielded(members))
      case .null, .boolean, .integer, .number: value
      }
    }
    func shielded(_ members: [ChatTemplateValue.Member]) -> [ChatTemplateValue.Member] {
      members.map { ChatTemplateValue.Member(name: shielding($0.name, with: shield), value: shielded($0.value)) }
    }
    let messages = messages.map { message in
      ChatMessage(
        role: message.role, content: shielding(message.content, with: shield), fields: shielded(message.fields))
    }
    let rendered = try template.render(
      messages, addGenerationPrompt: addGenerationPrompt,
      variables: variables.map { ChatTemplateValue.Member(name: $0.name, value: shielded($0.value)) })
    let text = rendered + opening
    var scratch = BytePairModel.Scratch(textLength: text.utf8.count)
    return encode(text, addSpecialTokens: true, parseSpecialTokens: true, scratch: &scratch, removing: shield)
  }

  /// The text with its control tokens broken up.
  private func shielding(_ content: String, with shield: Shield) -> String {
    let bytes = Array(content.utf8)
    var result: [UInt8] = []
    var position = 0
    var hasControl = false
    func copy(upTo end: Int) {
      // Between two text fragments lie the tokens that were found.
      let found = bytes[position..<end]
      result += hasControl ? shield.spread(over: found) : Array(found)
    }
    for fragment in rawTokens.fragments(bytes, 0..<bytes.count, parsingAll: true) {
      switch fragment {
      case .token(let id): hasControl = hasControl || type(of: id) != .userDefined
      case .text(let range):
        copy(upTo: range.lowerBound)
        result += bytes[range]
        position = range.upperBound
        hasControl = false
      }
    }
    copy(upTo: bytes.count)
    return String(decoding: result, as: UTF8.self)
  }
}

/// A mark inside texts that must not be taken for special tokens while a template is rendered: U+FDD0, which Unicode
/// guarantees never to be a character.
package struct Shield: Sendable {
  private static let mark: [UInt8] = [0xEF, 0xB7, 0x90]

  /// The mark behind every scalar.
  func spread(over text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for (index, byte) in zip(text.indices, text) {
      result.append(byte)
      let next = index + 1
      if next == text.endIndex || text[next] & 0xC0 != 0x80 { result += Shield.mark }
    }
    return result
  }

  /// The text without marks.
  func removed(from text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].starts(with: Shield.mark) {
        index += Shield.mark.count
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }
}
