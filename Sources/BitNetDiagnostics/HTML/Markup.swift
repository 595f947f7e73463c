/// A piece of HTML or SVG. Literals are markup; whatever is interpolated into them is text and escaped, so that no name,
/// token or note of a hostile model can become markup.
struct Markup: ExpressibleByStringInterpolation, Sendable {
  private(set) var html: String

  /// A static string: what was read at run time cannot come in as markup.
  init(stringLiteral literal: StaticString) { html = literal.description }

  init(stringInterpolation interpolation: Interpolation) { html = interpolation.html }

  private init(html: String) { self.html = html }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var html = ""

    init(literalCapacity: Int, interpolationCount: Int) { html.reserveCapacity(literalCapacity * 2) }

    mutating func appendLiteral(_ literal: StaticString) { html += literal.description }

    mutating func appendInterpolation(_ markup: Markup) { html += markup.html }

    mutating func appendInterpolation(_ markup: [Markup]) { for piece in markup { html += piece.html } }

    /// Text on one line, for contents and for attributes in double quotes; what is invisible is spelled out.
    mutating func appendInterpolation(_ text: String) { html += escaped(singleLine(text)) }

    /// Text whose line breaks stay.
    mutating func appendInterpolation(lines text: String) {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      html += lines.map { escaped(singleLine(String($0))) }.joined(separator: "\n")
    }

    mutating func appendInterpolation(_ number: Int) { html += String(number) }

    /// A coordinate: one decimal is a tenth of a pixel.
    mutating func appendInterpolation(_ number: Double) { html += fixed(number.isFinite ? number : 0, 1) }
  }

  static func + (a: Markup, b: Markup) -> Markup { Markup(html: a.html + b.html) }

  static func += (a: inout Markup, b: Markup) { a.html += b.html }
}

/// Scalar by scalar: a quotation mark with a combining mark is one `Character`, and not the one that is looked for.
private func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// A text cut to a number of columns of a fixed-width font.
func shortened(_ text: String, to columns: Int) -> String {
  let line = singleLine(text)
  guard displayWidth(line) > columns else { return line }
  var result = "", used = 0
  for scalar in line.unicodeScalars {
    used += displayWidth(String(scalar))
    guard used < columns, result.unicodeScalars.count < 4 * columns else { break }
    result.unicodeScalars.append(scalar)
  }
  return result + "…"
}
