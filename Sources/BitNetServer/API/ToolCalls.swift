import ModelFormats

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How a family of models writes the calls of tools.
package enum ToolCallStyle: Sendable {
  /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, any number of them, after any text: Hermes, Qwen.
  case hermes
  /// The whole answer is `{"name": …, "parameters": {…}}`: Llama 3.
  case llama3

  /// The style that a chat template shows earlier calls in.
  package init(templateSource: String) { self = templateSource.contains("<tool_call>") ? .hermes : .llama3 }

  /// The style, if a chat template shows it so clearly that an answer can be held to it.
  package static func certain(of templateSource: String) -> ToolCallStyle? {
    let style = ToolCallStyle(templateSource: templateSource)
    return switch style {
    // Some write XML between the same marks.
    case .hermes: templateSource.contains("<function=") ? nil : style
    case .llama3: templateSource.contains("\"parameters\"") ? style : nil
    }
  }

  /// What an answer that is a call begins with, before the JSON.
  package var opening: String { self == .hermes ? "<tool_call>\n" : "" }

  /// What the arguments are called in the JSON.
  package var argumentsKey: String { self == .hermes ? "arguments" : "parameters" }
}

/// A call of a tool that a model wrote.
package struct ToolCall: Encodable, Sendable, Hashable {
  package struct Function: Encodable, Sendable, Hashable {
    package var name: String
    /// A JSON object.
    package var arguments: String
  }

  package var id: String
  package var type = "function"
  package var function: Function
}

/// Separates calls of tools from the text of an answer that arrives in pieces.
package struct ToolCallFilter {
  private let style: ToolCallStyle
  private var opening = StopFilter([Array("<tool_call>".utf8)])
  private var seen = ""
  private var shown = 0
  /// Whether the answer may still turn out to be nothing but a call.
  private var mayBeCall = true

  package init(_ style: ToolCallStyle) { self.style = style }

  /// - Returns: the text that is certain not to be part of a call.
  package mutating func append(_ text: String) -> String {
    seen += text
    switch style {
    case .hermes: return shown(opening.append(text))
    case .llama3:
      guard mayBeCall else { return text }
      guard let first = seen.unicodeScalars.first(where: { !$0.properties.isWhitespace }) else { return "" }
      guard first != "{" else { return "" }
      mayBeCall = false
      return shown(seen)
    }
  }

  /// Ends the answer.
  ///
  /// - Returns: text that was held back and is no call after all, and the calls.
  package mutating func finish(makeID: () -> String) -> (text: String, calls: [ToolCall]) {
    switch style {
    case .hermes:
      guard opening.isStopped else { return (opening.finish(), []) }
      let calls = Self.hermesCalls(seen, makeID: makeID)
      // Something that begins like a call and is none is better seen than lost.
      return calls.isEmpty ? (String(decoding: seen.utf8.dropFirst(shown), as: UTF8.self), []) : ("", calls)
    case .llama3:
      guard mayBeCall else { return ("", []) }
      guard let call = Self.call(seen, style, id: makeID()) else { return (seen, []) }
      return ("", [call])
    }
  }

  private mutating func shown(_ text: String) -> String {
    shown += text.utf8.count
    return text
  }

  private static func hermesCalls(_ text: String, makeID: () -> String) -> [ToolCall] {
    text.components(separatedBy: "<tool_call>").dropFirst().compactMap { part in
      let body = part.components(separatedBy: "</tool_call>").first ?? part
      return call(body, .hermes, id: makeID())
    }
  }

  private static func call(_ text: String, _ style: ToolCallStyle, id: String) -> ToolCall? {
    guard case .object(let object)? = try? JSONParser.parse(Array(text.utf8), file: "tool call"),
      case .string(let name)? = object["name"]
    else { return nil }
    guard let arguments = object[style.argumentsKey] ?? object["arguments"] ?? object["parameters"] else { return nil }
    guard case .object = arguments else { return nil }
    return ToolCall(id: id, function: .init(name: name.string, arguments: arguments.line))
  }
}
