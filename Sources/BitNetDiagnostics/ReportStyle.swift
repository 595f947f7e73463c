/// How a report marks its titles.
public enum ReportStyle: Sendable {
  /// Not at all: for files, pipes and programs.
  case plain
  /// In bold: for a terminal.
  case bold

  func strong(_ text: String) -> String { self == .bold ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
}

/// A text from a file or a model, on one line: whatever would move the cursor or be invisible is spelled out.
func singleLine(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch (scalar, scalar.properties.generalCategory) {
    case ("\n", _): result += "\\n"
    case ("\r", _): result += "\\r"
    case ("\t", _): result += "\\t"
    case (_, .control), (_, .format), (_, .lineSeparator), (_, .paragraphSeparator), (_, .privateUse), (_, .unassigned):
      result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
