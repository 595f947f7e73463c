/// A chart with its title, and in words what it shows for those who do not see it.
struct Figure {
  /// The title, above the chart.
  var title: String
  /// What it shows, in figures.
  var description: String
  /// The size of the drawing; text is 12 units high. It is shown as wide as its column.
  var width = Figure.width
  var height: Double
  /// The drawing.
  var drawing: Markup

  static let width = 360.0

  var markup: Markup {
    """
    <figure><figcaption>\(title)</figcaption>
    <svg role="img" viewBox="0 0 \(width) \(height)" aria-label="\(title). \(description)">
    \(drawing)</svg></figure>

    """
  }
}

extension Markup {
  /// Where a text begins, ends or has its middle.
  enum Anchor {
    case start, middle, end

    fileprivate var name: String {
      switch self {
      case .start: "start"
      case .middle: "middle"
      case .end: "end"
      }
    }
  }

  /// A text in a drawing.
  static func label(_ x: Double, _ y: Double, _ text: String, _ anchor: Anchor = .start, style: String = "") -> Markup {
    "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor.name)\" class=\"\(style)\">\(text)</text>\n"
  }

  /// A straight line in a drawing.
  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String = "grid") -> Markup {
    "<path class=\"\(style)\" d=\"M\(x1) \(y1)L\(x2) \(y2)\"/>\n"
  }

  /// A filled rectangle in a drawing.
  static func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, style: String) -> Markup {
    "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(max(0, width))\" height=\"\(max(0, height))\" class=\"\(style)\"/>\n"
  }
}
