import BitNet
import ModelFormats

extension Diagnosis {
  /// The report as one HTML page that needs nothing but itself: verdict and findings, charts, tables. Everything that comes
  /// from the model is escaped.
  ///
  /// - Parameters:
  ///   - tool: the name and version of the tool, for the page's foot.
  ///   - time: the time, for the same.
  public func page(tool: String, time: String) -> String {
    let sections = [
      Page.others(findings), training.flatMap(\.section), behaviourSection, weightSection, changesSection,
      referenceSection, detailsSection, modelSection,
    ]
    return Page(subject: model, findings: findings, sections: sections.compactMap(\.self), origin: "\(tool), \(time)")
      .html
  }

  // MARK: Behaviour

  private var behaviourSection: Page.Section? {
    var body: Markup = ""
    if let probe { body += probe.part("Loss on the text") }
    if let english { body += english.part("Loss on the built-in English text") }
    for prompt in behaviour { body += prompt.part }
    guard !behaviour.isEmpty || probe != nil || english != nil else { return nil }
    return Page.Section(id: "behaviour", title: "What it predicts", body: body)
  }

  // MARK: Weights

  private var weightSection: Page.Section? {
    guard !weights.isEmpty else { return nil }
    let summary = weightSummary
    let kept = [summary.frobeniusRatio.lowerBound, summary.frobeniusRatio.upperBound].map { fixed($0 * 100, 1) }
    var body: Markup = """
      <p>\(summary.matrices) linear layers with \(fixed(Double(summary.weights) / 1e6, 1)) M weights, \
      \(summary.ternaryMatrices) of them ternary already. As trits \(summary.shares.text), keeping \
      \(kept[0] == kept[1] ? kept[0] : kept.joined(separator: " to ")) % of the Frobenius norms.</p>

      """
    body += .charts([
      heatMap("Frobenius norm kept by ternarization", \.frobeniusRatio), heatMap("Share of zeros", \.shares.zero),
    ])
    for layer in Set(weights.filter { $0.histogram != nil }.compactMap { $0.place?.layer }).sorted() {
      body += .details(
        "Weights of block \(layer), as stored and as trits", isOpen: true,
        "<p class=\"faint\">Above: how the weights are distributed, in units of the scale s. What lies between the dashed "
          + "lines becomes 0. Below: the shares of -1, 0 and +1.</p>\n" + histograms(layer))
    }
    return Page.Section(id: "weights", title: "Weights", body: body)
  }

  private func heatMap(_ title: String, _ value: (WeightStatistics) -> Double) -> Figure {
    let columns = (weights.compactMap { $0.place?.layer }.max() ?? 0) + 1
    var values = LinearRole.allCases.map { _ in [Double?](repeating: nil, count: columns) }
    for matrix in weights {
      guard let place = matrix.place, let row = LinearRole.allCases.firstIndex(of: place.role) else { continue }
      values[row][place.layer] = value(matrix)
    }
    return HeatMap(
      title: title, rows: LinearRole.allCases.map(\.rawValue), columns: columns, values: values,
      text: { "\(fixed($0 * 100, 1)) %" }
    ).figure
  }

  private func histograms(_ layer: Int) -> Markup {
    let figures = weights.compactMap { matrix -> Figure? in
      guard let place = matrix.place, place.layer == layer, let histogram = matrix.histogram else { return nil }
      return HistogramChart(
        title: "\(place.role.rawValue), \(matrix.shapeText) \(matrix.storage)", statistics: matrix, histogram: histogram
      ).figure
    }
    return .charts(figures, areSmall: true)
  }

  // MARK: Tables

  private var changesSection: Page.Section? {
    guard let repairs else { return nil }
    var body: Markup = """
      <p>The loss with one thing changed, from \(fixed(repairs.loss, 3)) in mode \(repairs.mode.rawValue).</p>
      \(repairs.table(isVerbose: true).markup("Changes that were tried"))
      """
    let harmful = repairs.ablations.filter { $0.gain > 0 }.sorted { $0.gain > $1.gain }
    if !harmful.isEmpty {
      let rows = harmful.prefix(10).map {
        "<li>without the \($0.half) of block \($0.layer): gain \(fixed($0.gain, 3))</li>\n" as Markup
      }
      body += "<h3>Halves of blocks without which it predicts better</h3>\n<ul>\n\(rows)</ul>\n"
    }
    return Page.Section(id: "changes", title: "Changes that were tried", body: body)
  }

  private var referenceSection: Page.Section? {
    guard let reference else { return nil }
    return Page.Section(
      id: "reference", title: "Compared with the reference",
      body: "<pre tabindex=\"0\" aria-label=\"Comparison\">\(lines: reference.report())</pre>\n")
  }

  private var detailsSection: Page.Section? {
    var body: Markup = ""
    if !weights.isEmpty {
      body += .details(
        "Linear layers as stored", WeightStatistics.storedTable(weights).markup("Linear layers as stored"))
      body += .details(
        "Linear layers as trits", WeightStatistics.ternaryTable(weights).markup("Linear layers as trits"))
    }
    if !norms.isEmpty { body += .details("Norms", NormStatistics.table(norms).markup("Norms")) }
    if let coherenceTable {
      body += .details(
        "Alignment of matrices that meet, in standard deviations of random ones", coherenceTable.markup("Alignment"))
    }
    if !activations.isEmpty { body += .details("Inputs of the linear layers", activationTable.markup("Activations")) }
    for prompt in behaviour {
      body += .details(
        "After \"\(shortened(prompt.prompt ?? "", to: 40))\"", prompt.table(isVerbose: true).markup("Prompt"))
    }
    guard !body.html.isEmpty else { return nil }
    return Page.Section(id: "tables", title: "Tables", body: body)
  }

  private var modelSection: Page.Section {
    var body: Markup = ""
    if let facts {
      body += .facts("Configuration", facts.entries)
      if !facts.notes.isEmpty {
        body += "<h3>Notes</h3>\n<ul>\n\(facts.notes.map { "<li>\($0)</li>\n" as Markup })</ul>\n"
      }
    }
    var entries: [(name: String, value: String?)] = [("path", model)]
    for file in files ?? [] { entries.append((file.name, "\(grouped(file.bytes)) bytes, SHA-256 \(file.sha256)")) }
    body += "<h3>Files</h3>\n" + .facts("Files", entries)
    return Page.Section(id: "model", title: "Model", body: body)
  }
}

extension WeightStatistics {
  /// The block and the kind; `nil` for other names.
  fileprivate var place: (layer: Int, role: LinearRole)? {
    let parts = name.split(separator: ".")
    guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]), (0..<100_000).contains(layer),
      let role = LinearRole(rawValue: String(parts[2]))
    else { return nil }
    return (layer, role)
  }
}

extension NormStatistics {
  fileprivate static func table(_ norms: [NormStatistics]) -> TextTable {
    var table = TextTable(["norm", "min", "max", "mean", "not finite"], [.left, .right, .right, .right, .right])
    for norm in norms {
      table.add([
        norm.name, fixed(Double(norm.minimum), 4), fixed(Double(norm.maximum), 4), fixed(norm.mean, 4),
        "\(norm.nonFinite)",
      ])
    }
    return table
  }
}

extension ModelFacts {
  fileprivate var entries: [(name: String, value: String?)] {
    [
      ("architecture", architecture), ("blocks", "\(layers)"), ("hidden size", "\(hiddenSize)"),
      ("vocabulary", "\(vocabularySize)"),
      ("tokens of the tokenizer", tokenizerSize.map(String.init) ?? "no tokenizer"),
      ("declares a BitNet", declaresBitLinear ? "yes" : "no"), ("quantization", quantizationMode),
      ("activation", activation), ("rotary base", Axis.label(ropeTheta)), ("epsilon of norms", "\(normEpsilon)"),
      ("norms", "\(norms), of them \(subNorms) sub-norms"),
      (
        "linear layers by type",
        linearTypes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      ),
      ("file type", fileType.map(String.init)), ("steps trained", globalStep.map(String.init)),
      ("steps planned", maximumSteps.map(String.init)),
      ("best evaluation loss", bestEvaluationLoss.map { significant($0) }),
    ]
  }
}
