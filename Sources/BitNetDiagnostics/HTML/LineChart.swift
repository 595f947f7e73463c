/// Values over whole numbers, such as blocks or steps. Lines differ in colour, dashes and marks.
struct LineChart {
  struct Series {
    var name: String
    var points: [(x: Int, y: Double)]
  }

  var title: String
  /// What the whole numbers count: `block`, `step`.
  var unit: String
  var series: [Series]
  var isLogarithmic = false

  /// So many looks are told apart.
  static let looks = 6
  private static let left = 46.0
  private static let right = Figure.width - 8
  private static let top = 10.0
  private static let plot = 150.0
  /// More points than this get no marks.
  private static let marked = 40

  var figure: Figure {
    let values = series.flatMap { $0.points.map(\.y) }
    let y = isLogarithmic ? Axis(logarithmic: values) : Axis(linear: values)
    let steps = series.flatMap { $0.points.map(\.x) }
    let x = Axis(whole: (steps.min() ?? 0)...(steps.max() ?? 0))
    var drawing = frame(x, y)
    for (index, entry) in series.enumerated() { drawing += curve(entry, look: index % LineChart.looks, x, y) }
    for (index, entry) in series.enumerated() { drawing += legend(entry, row: index) }
    return Figure(
      title: title, description: series.map(description).joined(separator: "; "),
      height: LineChart.top + LineChart.plot + 40 + 18 * Double(series.count), drawing: drawing)
  }

  private func frame(_ x: Axis, _ y: Axis) -> Markup {
    let bottom = LineChart.top + LineChart.plot
    var drawing: Markup = ""
    for tick in y.ticks {
      guard let height = y.position(tick).map(place) else { continue }
      drawing += .line(LineChart.left, height, LineChart.right, height)
      drawing += .label(LineChart.left - 6, height + 4, Axis.label(tick), .end, style: "faint")
    }
    for tick in x.ticks {
      guard let column = x.position(tick).map(column) else { continue }
      drawing += .line(column, bottom, column, bottom + 4)
      let anchor: Markup.Anchor = column > LineChart.right - 16 ? .end : .middle
      drawing += .label(
        anchor == .end ? LineChart.right : column, bottom + 17, Axis.label(tick), anchor, style: "faint")
    }
    return drawing + .label(LineChart.left - 6, bottom + 17, unit, .end, style: "faint")
  }

  private func curve(_ series: Series, look: Int, _ x: Axis, _ y: Axis) -> Markup {
    var path: Markup = "", marks: Markup = ""
    var isDrawing = false
    for point in series.points {
      guard let height = y.position(point.y).map(place), let column = x.position(Double(point.x)).map(column) else {
        isDrawing = false
        continue
      }
      path += isDrawing ? "L\(column) \(height)" : "M\(column) \(height)"
      isDrawing = true
      if series.points.count <= LineChart.marked { marks += LineChart.mark(look, column, height) }
    }
    return "<path class=\"line s\(look)\" d=\"\(path)\"/>\n\(marks)"
  }

  private func legend(_ series: Series, row: Int) -> Markup {
    let look = row % LineChart.looks
    let y = LineChart.top + LineChart.plot + 42 + 18 * Double(row)
    let last = series.points.last { $0.y.isFinite }.map { significant($0.y) } ?? "none"
    return "<path class=\"line s\(look)\" d=\"M\(LineChart.left) \(y - 4)h30\"/>\n"
      + LineChart.mark(look, LineChart.left + 15, y - 4)
      + .label(LineChart.left + 38, y, "\(shortened(series.name, to: 26)), last \(last)")
  }

  private static func mark(_ look: Int, _ x: Double, _ y: Double) -> Markup {
    switch look % 3 {
    case 0: "<circle class=\"f\(look)\" cx=\"\(x)\" cy=\"\(y)\" r=\"2.5\"/>\n"
    case 1: .rectangle(x - 2.3, y - 2.3, 4.6, 4.6, style: "f\(look)")
    default: "<path class=\"f\(look)\" d=\"M\(x) \(y - 3.2)l3.2 5.6h-6.4z\"/>\n"
    }
  }

  private func description(_ series: Series) -> String {
    let points = series.points.filter(\.y.isFinite)
    guard let first = points.first, let last = points.last else { return "\(series.name): no number" }
    let values = points.map(\.y)
    return
      "\(series.name): \(significant(first.y)) at \(unit) \(first.x), \(significant(last.y)) at \(unit) \(last.x), "
      + "between \(significant(values.min() ?? 0)) and \(significant(values.max() ?? 0))"
  }

  private func place(_ position: Double) -> Double { LineChart.top + LineChart.plot * (1 - position) }

  private func column(_ position: Double) -> Double {
    LineChart.left + 6 + (LineChart.right - LineChart.left - 12) * position
  }
}
