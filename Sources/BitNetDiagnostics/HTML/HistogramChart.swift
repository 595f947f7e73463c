import BitNet

/// The weights of a matrix as they are stored, and below, on the same scale, as trits.
struct HistogramChart {
  var title: String
  var statistics: WeightStatistics
  var histogram: WeightHistogram

  private static let width = 300.0
  private static let left = 8.0
  private static let right = 292.0
  private static let stored = (top: 4.0, height: 84.0)
  private static let trits = (top: 108.0, height: 40.0)

  var figure: Figure {
    let bottom = HistogramChart.trits.top + HistogramChart.trits.height
    var drawing = outline
    for border in [-0.5, 0.5] { drawing += .line(x(border), 0, x(border), bottom, style: "border") }
    drawing += .line(HistogramChart.left, stored.bottom, HistogramChart.right, stored.bottom, style: "axis")
    let shares = [statistics.shares.minus, statistics.shares.zero, statistics.shares.plus]
    for (value, share) in zip([-1.0, 0, 1], shares) {
      let height = HistogramChart.trits.height * share / max(shares.max() ?? 1, 1e-9)
      drawing += .rectangle(x(value) - 12, bottom - height, 24, height, style: "f1")
      drawing += .label(x(value), bottom - height - 4, "\(fixed(share * 100, 0)) %", .middle, style: "small")
    }
    drawing += .line(HistogramChart.left, bottom, HistogramChart.right, bottom, style: "axis")
    for tick in stride(from: -4, through: 4, by: 2) {
      drawing += .label(x(Double(tick)), bottom + 15, tick == 0 ? "0" : "\(tick) s", .middle, style: "faint small")
    }
    return Figure(
      title: title, description: description, width: HistogramChart.width, height: bottom + 20, drawing: drawing)
  }

  private var stored: (top: Double, bottom: Double) {
    (HistogramChart.stored.top, HistogramChart.stored.top + HistogramChart.stored.height)
  }

  /// The outline of all bins.
  private var outline: Markup {
    let most = Double(max(1, histogram.counts.max() ?? 1)), half = (histogram.counts.count - 1) / 2
    let width = 1 / Double(WeightHistogram.binsPerScale)
    var path: Markup = "M\(HistogramChart.left) \(stored.bottom)"
    for (bin, count) in histogram.counts.enumerated() {
      let middle = Double(bin - half) * width
      let height = stored.bottom - HistogramChart.stored.height * Double(count) / most
      path += "L\(x(middle - width / 2)) \(height)H\(x(middle + width / 2))"
    }
    return "<path class=\"f0\" d=\"\(path)V\(stored.bottom)Z\"/>\n"
  }

  private func x(_ value: Double) -> Double {
    let reach = Double(WeightHistogram.reach) + 0.5 / Double(WeightHistogram.binsPerScale)
    return HistogramChart.left + (HistogramChart.right - HistogramChart.left) * (value + reach) / (2 * reach)
  }

  private var description: String {
    let beyond = Double(histogram.below + histogram.above) / Double(max(1, histogram.total))
    return "Weights from \(fixed(Double(statistics.minimum), 3)) to \(fixed(Double(statistics.maximum), 3)), scale s "
      + "\(fixed(Double(statistics.scale), 4)), \(fixed(beyond * 100, 2)) % of them beyond 4 s. As trits: "
      + "\(statistics.shares.text), keeping \(fixed(statistics.frobeniusRatio * 100, 1)) % of the Frobenius norm."
  }
}
