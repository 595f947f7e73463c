/// A value for each kind of matrix and each block: the more, the stronger the colour.
struct HeatMap {
  var title: String
  /// The kinds, from the top.
  var rows: [String]
  /// The number of blocks.
  var columns: Int
  /// `[row][column]`; `nil` where there is no such matrix.
  var values: [[Double?]]
  /// A value as it is written.
  var text: (Double) -> String

  private static let left = 82.0
  private static let right = Figure.width - 8
  private static let row = 20.0
  /// Steps of colour.
  private static let shades = 6

  var figure: Figure {
    let known = values.joined().compactMap(\.self).filter(\.isFinite)
    let least = known.min() ?? 0, most = known.max() ?? 0
    var drawing: Markup = ""
    let width = (HeatMap.right - HeatMap.left) / Double(max(1, columns))
    for (index, name) in rows.enumerated() {
      let top = HeatMap.row * Double(index)
      drawing += .label(HeatMap.left - 8, top + 14, name, .end, style: "faint")
      for (column, value) in values[index].enumerated() {
        let left = HeatMap.left + width * Double(column)
        let box = (left + min(0.5, width / 10), top + 1, width - min(1, width / 5), HeatMap.row - 2)
        guard let value, value.isFinite else {
          drawing += .rectangle(box.0, box.1, box.2, box.3, style: "none")
          continue
        }
        drawing += cell(box, opacity: HeatMap.opacity(value, least, most), "\(name), block \(column): \(text(value))")
      }
    }
    let bottom = HeatMap.row * Double(rows.count)
    for tick in Axis(whole: 0...max(0, columns - 1)).ticks {
      drawing += .label(HeatMap.left + width * (tick + 0.5), bottom + 16, Axis.label(tick), .middle, style: "faint")
    }
    drawing += .label(HeatMap.left - 8, bottom + 16, "block", .end, style: "faint") + scale(bottom + 28, least, most)
    return Figure(title: title, description: description(least, most), height: bottom + 48, drawing: drawing)
  }

  private func cell(_ box: (Double, Double, Double, Double), opacity: Double, _ name: String) -> Markup {
    "<rect x=\"\(box.0)\" y=\"\(box.1)\" width=\"\(box.2)\" height=\"\(box.3)\" class=\"cell\" fill-opacity=\"\(opacity)\">"
      + "<title>\(name)</title></rect>\n"
  }

  /// The steps of colour from the least to the most.
  private func scale(_ y: Double, _ least: Double, _ most: Double) -> Markup {
    let box = 22.0, right = HeatMap.right - 52
    let left = right - box * Double(HeatMap.shades)
    var drawing = Markup.label(left - 6, y + 13, text(least), .end, style: "faint")
    for shade in 0..<HeatMap.shades {
      let opacity = HeatMap.opacity(Double(shade), 0, Double(HeatMap.shades - 1))
      drawing += cell((left + box * Double(shade), y, box, 16), opacity: opacity, "")
    }
    return drawing + .label(right + 6, y + 13, text(most), style: "faint")
  }

  /// In tenths, so that what is equal to the eye is equal in the file.
  private static func opacity(_ value: Double, _ least: Double, _ most: Double) -> Double {
    most > least ? 0.1 + 0.9 * (value - least) / (most - least) : 0.5
  }

  private func description(_ least: Double, _ most: Double) -> String {
    let ranges = zip(rows, values).map { name, values in
      let known = values.compactMap(\.self).filter(\.isFinite)
      guard let low = known.min(), let high = known.max() else { return "\(name): no number" }
      return "\(name): \(text(low)) to \(text(high))"
    }
    return "From \(text(least)) to \(text(most)). " + ranges.joined(separator: "; ")
  }
}
