import Foundation

/// Draws a run's log as SVG: losses, learning rate and lambda over the steps, readable on light and on dark pages.
package struct LossPlot {
  private let title: String
  private let train: [TrainingLogLine]
  private let evaluations: [TrainingLogLine]
  private let steps: ClosedRange<Double>

  private static let width = 960.0
  private static let left = 64.0
  private static let right = 936.0

  /// - Throws: ``RunError/emptyLog(path:)``.
  package init(log path: String, title: String) throws {
    let lines = try TrainingLog.lines(path: path)
    self.title = title
    train = lines.filter { $0.kind == .train }
    evaluations = lines.filter { $0.kind == .eval }
    guard let last = lines.map(\.step).max() else { throw RunError.emptyLog(path: path) }
    steps = 0...Double(max(1, last))
  }

  /// The picture.
  package var svg: String {
    var body = ""
    body += text(LossPlot.left, 26, title, "title")
    body += panel(lossPanel, top: 48, height: 300, showsSteps: false)
    body += panel(ratePanel, top: 384, height: 90, showsSteps: false)
    body += panel(lambdaPanel, top: 510, height: 60, showsSteps: true)
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(LossPlot.width)) 620" role="img">
      <title>\(escaped(title))</title>
      <style>
      svg { background: #ffffff; color: #1f2328; font: 12px system-ui, sans-serif; }
      text { fill: currentColor; } .title { font-size: 15px; font-weight: 600; } .muted { opacity: 0.65; }
      .grid { stroke: currentColor; stroke-opacity: 0.14; } .phase { stroke: currentColor; stroke-opacity: 0.45; stroke-dasharray: 3 4; }
      .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .raw { stroke-opacity: 0.3; stroke-width: 1; }
      \(LossPlot.colors.enumerated().map { ".c\($0) { stroke: \($1.light); } .f\($0) { fill: \($1.light); }" }.joined(separator: "\n"))
      @media (prefers-color-scheme: dark) {
      svg { background: #0d1117; color: #e6edf3; }
      \(LossPlot.colors.enumerated().map { ".c\($0) { stroke: \($1.dark); } .f\($0) { fill: \($1.dark); }" }.joined(separator: "\n"))
      }
      </style>
      \(body)</svg>

      """
  }

  // Distinguishable with the common colour deficiencies, each with enough contrast on its background.
  private static let colors: [(light: String, dark: String)] = [
    ("#0b62c4", "#6cb6ff"), ("#b35900", "#ffa657"), ("#1a7f37", "#56d364"), ("#8250df", "#d2a8ff"),
    ("#bf3989", "#ff9bce"), ("#57606a", "#8b949e"),
  ]

  // MARK: what is drawn

  private struct Series {
    var name: String
    var points: [(step: Double, value: Double)]
    /// Thin and pale: what another line is the mean of.
    var isRaw = false
    var isDotted = false
    var color: Int
  }

  private struct Panel {
    var name: String
    var series: [Series]
    var includesZero = false
    var phases = false
  }

  private var lossPanel: Panel {
    let names = Set(train.flatMap(\.losses.keys) + evaluations.flatMap(\.losses.keys)).sorted()
    var series: [Series] = []
    for (color, name) in names.enumerated() {
      let points = train.compactMap { line in line.losses[name].map { (Double(line.step), $0) } }
      let held = evaluations.compactMap { line in line.losses[name].map { (Double(line.step), $0) } }
      let color = color % LossPlot.colors.count
      if points.count > 60 { series.append(Series(name: "", points: points, isRaw: true, color: color)) }
      let smooth = points.count > 60 ? LossPlot.smoothed(points) : points
      if !smooth.isEmpty { series.append(Series(name: name, points: smooth, color: color)) }
      if !held.isEmpty {
        series.append(Series(name: "\(name), validation", points: held, isDotted: true, color: color))
      }
    }
    return Panel(name: "loss", series: series, phases: true)
  }

  private var ratePanel: Panel {
    let points = train.map { (Double($0.step), $0.learningRate) }
    return Panel(name: "learning rate", series: [Series(name: "", points: points, color: 3)], includesZero: true)
  }

  private var lambdaPanel: Panel {
    let points = train.map { (Double($0.step), $0.lambda) }
    return Panel(name: "lambda", series: [Series(name: "", points: points, color: 2)], includesZero: true)
  }

  /// The mean of each point's neighbours, a fiftieth of the run wide.
  private static func smoothed(_ points: [(Double, Double)]) -> [(step: Double, value: Double)] {
    let reach = max(1, points.count / 100)
    return points.indices.map { index in
      let near = points[max(0, index - reach)...min(points.count - 1, index + reach)]
      return (points[index].0, near.reduce(0) { $0 + $1.1 } / Double(near.count))
    }
  }

  // MARK: drawing

  private func panel(_ panel: Panel, top: Double, height: Double, showsSteps: Bool) -> String {
    let values = panel.series.flatMap { $0.points.map(\.value) }.filter(\.isFinite)
    let ticks = LossPlot.ticks(
      panel.includesZero ? 0 : values.min() ?? 0, values.max() ?? 1, count: max(2, Int(height / 45)))
    let low = ticks.first ?? 0
    let high = ticks.last ?? 1
    func y(_ value: Double) -> Double { top + height * (1 - (value - low) / (high - low)) }
    var result = text(LossPlot.left, top - 6, panel.name, "muted")
    for tick in ticks {
      result += line(LossPlot.left, y(tick), LossPlot.right, y(tick), "grid")
      result += text(LossPlot.left - 8, y(tick) + 4, LossPlot.label(tick), "muted", anchor: "end")
    }
    if panel.phases { result += phaseMarks(top: top, height: height) }
    for series in panel.series {
      let points = series.points.filter(\.value.isFinite)
        .map { "\(rounded(x($0.step))),\(rounded(y($0.value)))" }
      let style = "line c\(series.color)\(series.isRaw ? " raw" : "")"
      let dashes = series.isDotted ? " stroke-dasharray=\"5 3\"" : ""
      result += "<polyline class=\"\(style)\"\(dashes) points=\"\(points.joined(separator: " "))\"/>\n"
      guard series.isDotted else { continue }
      for point in series.points where point.value.isFinite {
        result += "<circle class=\"f\(series.color)\" r=\"2.5\" cx=\"\(rounded(x(point.step)))\" "
        result += "cy=\"\(rounded(y(point.value)))\"/>\n"
      }
    }
    result += legend(panel.series.filter { !$0.name.isEmpty }, top: top)
    guard showsSteps else { return result }
    for tick in LossPlot.ticks(steps.lowerBound, steps.upperBound, count: 8) where steps.contains(tick) {
      result += text(x(tick), top + height + 18, LossPlot.label(tick), "muted", anchor: "middle")
    }
    return result + text(LossPlot.right, top + height + 36, "optimizer steps", "muted", anchor: "end")
  }

  private func legend(_ series: [Series], top: Double) -> String {
    var result = ""
    for (index, series) in series.enumerated() {
      let y = top + 16 + Double(index) * 18
      let dashes = series.isDotted ? " stroke-dasharray=\"5 3\"" : ""
      result += "<path class=\"line c\(series.color)\"\(dashes) d=\"M\(LossPlot.right - 30) \(y - 4)h26\"/>\n"
      let last = series.points.last.map { " \(String(format: "%.3f", $0.value))" } ?? ""
      result += text(LossPlot.right - 38, y, series.name + last, "", anchor: "end")
    }
    return result
  }

  /// Where the curriculum went on to another phase.
  private func phaseMarks(top: Double, height: Double) -> String {
    var result = "", phase: String?
    for entry in train where entry.phase != phase {
      let position = x(phase == nil ? 0 : Double(entry.step))
      if phase != nil { result += line(position, top, position, top + height, "phase") }
      if !entry.phase.isEmpty { result += text(position + 4, top + height - 6, entry.phase, "muted") }
      phase = entry.phase
    }
    return result
  }

  private func x(_ step: Double) -> Double {
    LossPlot.left + (LossPlot.right - LossPlot.left) * (step - steps.lowerBound) / (steps.upperBound - steps.lowerBound)
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
    "<path class=\"\(style)\" d=\"M\(rounded(x1)) \(rounded(y1))L\(rounded(x2)) \(rounded(y2))\"/>\n"
  }

  private func text(_ x: Double, _ y: Double, _ content: String, _ style: String, anchor: String = "start") -> String {
    "<text x=\"\(rounded(x))\" y=\"\(rounded(y))\" class=\"\(style)\" text-anchor=\"\(anchor)\">\(escaped(content))</text>\n"
  }

  private func rounded(_ value: Double) -> String { String(format: "%.1f", value) }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }

  /// Round numbers that reach around a range, about as many as asked for.
  package static func ticks(_ low: Double, _ high: Double, count: Int) -> [Double] {
    let span = high > low ? high - low : max(abs(low), 1)
    let raw = span / Double(max(1, count))
    let power = pow(10, floor(log10(raw)))
    let step = ([1, 2, 5, 10].first { $0 * power >= raw } ?? 10) * power
    let first = (low / step).rounded(.down), last = (max(high, low + step) / step).rounded(.up)
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  private static func label(_ value: Double) -> String {
    if value == 0 { return "0" }
    if abs(value) < 0.001 || abs(value) >= 1e7 { return String(format: "%g", Double(Float(value))) }
    return String(format: "%.6g", value)
  }
}
