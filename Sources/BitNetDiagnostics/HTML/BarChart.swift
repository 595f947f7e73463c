/// Named values as horizontal bars below their names.
struct BarChart {
  struct Bar {
    var name: String
    var value: Double
    /// The value as it is written.
    var text: String
  }

  var title: String
  var bars: [Bar]
  /// The value of the longest bar that fits.
  var largest: Double
  /// The colour: that of the same series in a ``LineChart``.
  var look = 0

  private static let row = 36.0
  /// Characters of a name that fit beside a value.
  private static let columns = 38

  var figure: Figure {
    var drawing: Markup = ""
    for (index, bar) in bars.enumerated() {
      let top = BarChart.row * Double(index)
      drawing += .label(0, top + 14, shortened(bar.name, to: BarChart.columns), style: "token")
      drawing += .label(Figure.width, top + 14, bar.text, .end)
      drawing += .rectangle(0, top + 19, Figure.width, 10, style: "track")
      let share = largest > 0 && bar.value.isFinite ? min(1, max(0, bar.value / largest)) : 0
      drawing += .rectangle(0, top + 19, max(1, Figure.width * share), 10, style: "f\(look % LineChart.looks)")
    }
    return Figure(
      title: title, description: bars.map { "\($0.name): \($0.text)" }.joined(separator: "; "),
      height: max(1, BarChart.row * Double(bars.count)), drawing: drawing)
  }
}
