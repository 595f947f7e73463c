/// Why a chat template could not be read or rendered, with the place in the template.
public struct ChatTemplateError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The class of a failure.
  public enum Reason: Sendable, Hashable {
    /// The template is not well-formed.
    case syntax
    /// The template did something its values do not allow, such as adding a number to a string.
    case evaluation
    /// The template needs more steps, memory or nesting than a chat template may take.
    case limit
    /// The template itself refused its input by calling `raise_exception`.
    case raised
  }

  /// The class of the failure.
  public let reason: Reason
  /// What was found and what was expected; for ``Reason/raised`` the template's own message.
  public let message: String
  /// The line of the template, counted from 1.
  public let line: Int
  /// That line's text, shortened.
  public let excerpt: String

  package init(_ reason: Reason, _ message: String, line: Int, excerpt: String = "") {
    self.reason = reason
    self.message = message
    self.line = line
    self.excerpt = excerpt
  }

  /// The error with the text of its line, for those thrown where the source is not at hand.
  func quoting(_ source: String) -> ChatTemplateError {
    guard excerpt.isEmpty else { return self }
    let lines = source.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard line >= 1, line <= lines.count else { return self }
    let text = String(decoding: lines[line - 1], as: UTF8.self)
    let trimmed = String(String.UnicodeScalarView(PythonText.strip(Array(text.unicodeScalars)).prefix(100)))
    return ChatTemplateError(reason, message, line: line, excerpt: trimmed)
  }

  /// A sentence for the user.
  public var description: String {
    let place = "chat template, line \(line)" + (excerpt.isEmpty ? "" : " (\(excerpt))")
    switch reason {
    case .syntax: return "\(place): \(message)"
    case .evaluation: return "\(place): \(message)"
    case .limit: return "\(place): \(message); chat templates are bounded so that a file cannot hang the program"
    case .raised: return "\(place): the template refuses this conversation: \(message)"
    }
  }
}
