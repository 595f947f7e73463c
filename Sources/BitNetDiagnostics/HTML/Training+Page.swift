extension TrainingDiagnosis {
  /// The report as one HTML page, as of a model.
  ///
  /// - Parameters:
  ///   - tool: the name and version of the tool, for the page's foot.
  ///   - time: the time, for the same.
  public func page(tool: String, time: String) -> String {
    let sections = [Page.others(findings), training.section].compactMap(\.self)
    return Page(subject: path, findings: findings, sections: sections, origin: "\(tool), \(time)").html
  }
}

extension TrainingEvidence {
  /// How the run went; `nil` if its files tell nothing.
  var section: Page.Section? {
    guard !summary.isEmpty || !curves.isEmpty else { return nil }
    var body: Markup = "<p>\(summary)</p>\n"
    body += .charts(charts.map(\.figure))
    body += .details("The figures", "<pre tabindex=\"0\" aria-label=\"Training\">\(lines: figures)</pre>\n")
    return Page.Section(id: "training", title: "Training run", body: body)
  }

  private var figures: String { lines(style: .plain).dropFirst().joined(separator: "\n") }

  /// The losses, at most as many to a chart as are told apart.
  private var charts: [LineChart] {
    stride(from: 0, to: curves.count, by: LineChart.looks).map { start in
      LineChart(
        title: start == 0 ? "Losses" : "More losses", unit: "step",
        series: curves[start..<min(curves.count, start + LineChart.looks)].map { curve in
          .init(name: curve.name, points: zip(curve.steps, curve.values).map { (x: $0.0, y: $0.1) })
        })
    }
  }
}
