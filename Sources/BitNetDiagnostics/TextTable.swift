/// Rows of cells: aligned columns for the terminal, a table on a page.
package struct TextTable {
  /// Where the text of a column stands.
  package enum Alignment {
    case left
    case right
  }

  let alignments: [Alignment]
  /// The header first.
  private(set) var rows: [[String]] = []

  package init(_ header: [String], _ alignments: [Alignment]) {
    self.alignments = alignments
    rows = [header]
  }

  package mutating func add(_ row: [String]) { rows.append(row) }

  /// The lines, each indented by two spaces.
  package var lines: [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { $0.indices.contains(column) ? displayWidth($0[column]) : 0 }.max() ?? 0
    }
    return rows.map { row in
      var line = "  "
      for (column, text) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - displayWidth(text))
        line += alignments[column] == .left ? text + padding : padding + text
        if column < row.count - 1 { line += "  " }
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
  }
}

/// Breaks a sentence into lines of at most `width` columns behind a bullet or an indent; a word that is longer than a
/// line is cut.
package func wrapped(_ text: String, first: String, rest: String, width: Int = 100) -> [String] {
  var lines: [String] = []
  var line = first
  var used = displayWidth(first)
  var isEmpty = true
  func breakLine() {
    lines.append(line)
    line = rest
    used = displayWidth(rest)
    isEmpty = true
  }
  for word in text.split(separator: " ", omittingEmptySubsequences: false) {
    let size = displayWidth(String(word))
    if !isEmpty, used + 1 + size > width { breakLine() }
    if !isEmpty {
      line += " "
      used += 1
    }
    isEmpty = false
    guard used + size > width else {
      line += word
      used += size
      continue
    }
    for character in word {
      let columns = displayWidth(String(character))
      if !isEmpty, used + columns > width { breakLine() }
      line.append(character)
      used += columns
      isEmpty = false
    }
  }
  return lines + [line]
}

/// The columns that a terminal gives to a text: two for the wide characters of East Asia and for emoji, none for marks
/// that combine (Unicode Standard Annex 11, by blocks).
package func displayWidth(_ text: String) -> Int {
  text.unicodeScalars.reduce(0) { width, scalar in
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return width
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
      return width + 2
    default: return width + 1
    }
  }
}
