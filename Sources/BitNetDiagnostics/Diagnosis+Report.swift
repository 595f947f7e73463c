import BitNet

extension Diagnosis {
  /// The report as a page of text, at most 100 columns wide but for long names: the verdict, then what led to it.
  ///
  /// - Parameters:
  ///   - isVerbose: every linear layer and every layer's RMS, instead of a summary.
  ///   - style: whether titles are marked for a terminal.
  public func report(isVerbose: Bool = false, style: ReportStyle = .plain) -> String {
    var lines = [singleLine(model), ""]
    for finding in findings { lines += finding.lines(isVerdict: finding == verdict, style: style) }
    if let facts { lines += facts.lines(style: style) }
    if let training { lines += training.lines(style: style) }
    if !weights.isEmpty { lines += weightLines(isVerbose: isVerbose, style: style) }
    if isVerbose { lines += coherenceLines(style: style) }
    if let probe { lines += probe.lines("how well each mode predicts", style: style) }
    if let english { lines += english.lines("the built-in English text:", style: style) }
    if isVerbose, !activations.isEmpty { lines += activationLines(style: style) }
    if let repairs { lines += repairs.lines(isVerbose: isVerbose, style: style) }
    for prompt in behaviour { lines += prompt.lines(isVerbose: isVerbose, style: style) }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  private func coherenceLines(style: ReportStyle) -> [String] {
    guard let coherenceTable else { return [] }
    return [style.strong("ALIGNMENT") + "  of matrices that meet, in standard deviations of random ones"]
      + coherenceTable.lines + [""]
  }

  private func activationLines(style: ReportStyle) -> [String] {
    [style.strong("ACTIVATIONS")] + activationTable.lines + [""]
  }

  private func weightLines(isVerbose: Bool, style: ReportStyle) -> [String] {
    let summary = weightSummary
    let ternary = summary.ternaryMatrices == 0 ? "none is" : "\(summary.ternaryMatrices) are"
    let kept = [summary.frobeniusRatio.lowerBound, summary.frobeniusRatio.upperBound].map { fixed($0 * 100, 1) }
    var lines = [
      style.strong("WEIGHTS"),
      "  \(summary.matrices) linear layers with \(fixed(Double(summary.weights) / 1e6, 1)) M weights; \(ternary) ternary already",
      "  as trits \(summary.shares.text), keeping \(kept[0] == kept[1] ? kept[0] : kept.joined(separator: " to ")) % "
        + "of the Frobenius norms",
    ]
    let shown = isVerbose ? weights : weights.filter { $0.name.hasPrefix("blk.0.") }
    lines += [""] + WeightStatistics.storedTable(shown).lines + [""] + WeightStatistics.ternaryTable(shown).lines
    if shown.count < weights.count { lines.append("  … \(weights.count - shown.count) more layers with --verbose") }
    return lines + [""]
  }
}

extension Finding {
  func lines(isVerdict: Bool, style: ReportStyle) -> [String] {
    let label = isVerdict ? "VERDICT" : "ALSO"
    let degree = [severity == .info ? nil : severity.rawValue, certainty == .open ? nil : certainty.rawValue]
      .compactMap(\.self).joined(separator: ", ")
    var lines = [
      style.strong("\(label)  \(code.rawValue)  \(title)") + (degree.isEmpty ? "" : " (\(degree))")
    ]
    for sentence in evidence { lines += wrapped(singleLine(sentence), first: "  - ", rest: "    ") }
    if !nextSteps.isEmpty { lines.append("  Next:") }
    for sentence in nextSteps { lines += wrapped(singleLine(sentence), first: "  > ", rest: "    ") }
    return lines + [""]
  }
}

extension ModelFacts {
  fileprivate func lines(style: ReportStyle) -> [String] {
    var lines = [style.strong("MODEL")]
    lines.append(
      "  \(singleLine(architecture)), \(layers) layers, hidden size \(hiddenSize), vocabulary \(vocabularySize)"
        + (tokenizerSize.map { $0 == vocabularySize ? "" : " (tokenizer: \($0))" } ?? " (no tokenizer)")
        + (declaresBitLinear ? ", declares itself a BitNet" : ""))
    lines.append("  \(norms) norms, \(subNorms == 0 ? "no" : "\(subNorms)") sub-norms")
    if let globalStep {
      lines.append(
        "  trained for \(globalStep) steps" + (maximumSteps.map { " of \($0)" } ?? "")
          + (bestEvaluationLoss.map { ", best evaluation loss \($0)" } ?? ""))
    }
    for note in notes { lines += wrapped(singleLine(note), first: "  note: ", rest: "    ") }
    return lines + [""]
  }
}

extension TritShares {
  var text: String {
    "\(fixed(minus * 100, 1)) % -1, \(fixed(zero * 100, 1)) % 0, \(fixed(plus * 100, 1)) % +1"
  }
}

extension TextProbe {
  fileprivate func lines(_ title: String, style: ReportStyle) -> [String] {
    return [style.strong("TEXT") + "  \(title) \(tokens) tokens"] + table.lines + [""]
  }
}

extension PromptBehaviour {
  fileprivate func lines(isVerbose: Bool, style: ReportStyle) -> [String] {
    var lines = [style.strong("PROMPT") + "  \"\(singleLine(prompt ?? ""))\""]
    lines += wrapped("token ids \(tokens.map(String.init).joined(separator: " "))", first: "  ", rest: "    ")
    lines += table(isVerbose: isVerbose).lines
    lines.append("  greedy continuation")
    for mode in modes {
      let label = mode.mode.rawValue + String(repeating: " ", count: max(0, 10 - mode.mode.rawValue.count))
      lines += wrapped(
        mode.continuation.map { "\"\(singleLine($0))\"" } ?? "(no tokenizer)", first: "    \(label)  ",
        rest: "                ")
    }
    return lines + [""]
  }
}

extension RepairSearch {
  fileprivate func lines(isVerbose: Bool, style: ReportStyle) -> [String] {
    var lines = [
      style.strong("CHANGES") + "  the loss with one thing changed, from \(fixed(loss, 3)) in mode \(mode.rawValue)"
    ]
    lines += table(isVerbose: isVerbose).lines
    let harmful = ablations.filter { $0.gain > 0.05 }.sorted { $0.gain > $1.gain }
    for ablation in isVerbose ? ablations : Array(harmful.prefix(3)) {
      lines.append("  without the \(ablation.half) of block \(ablation.layer): gain \(fixed(ablation.gain, 3))")
    }
    return lines + [""]
  }
}
