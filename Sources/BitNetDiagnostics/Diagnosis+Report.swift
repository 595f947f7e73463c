import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Diagnosis {
  /// The report as a page of text, at most 100 columns wide but for long names: the verdict, then what led to it.
  ///
  /// - Parameters:
  ///   - isVerbose: every linear layer and every layer's RMS, instead of a summary.
  ///   - style: whether titles are marked for a terminal.
  public func report(isVerbose: Bool = false, style: ReportStyle = .plain) -> String {
    var lines = [singleLine(model), ""]
    for finding in findings { lines += finding.lines(isVerdict: finding == verdict, style: style) }
    lines += facts.lines(style: style)
    if let training { lines += training.lines(style: style) }
    lines += weightLines(isVerbose: isVerbose, style: style)
    if let probe { lines += probe.lines(style: style) }
    for prompt in behaviour { lines += prompt.lines(isVerbose: isVerbose, style: style) }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
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
    var stored = TextTable(
      ["as stored", "type", "shape", "min", "max", "absmean", "std", "Frobenius", "values"],
      [.left, .left, .right, .right, .right, .right, .right, .right, .right])
    var ternarized = TextTable(
      ["ternary", "scale", "absmean", "Frobenius", "kept", "-1", "0", "+1"],
      [.left, .right, .right, .right, .right, .right, .right, .right])
    for tensor in shown {
      stored.add(tensor.storedRow)
      ternarized.add(tensor.ternaryRow)
    }
    lines += [""] + stored.lines + [""] + ternarized.lines
    if shown.count < weights.count { lines.append("  … \(weights.count - shown.count) more layers with --verbose") }
    return lines + [""]
  }
}

extension Finding {
  func lines(isVerdict: Bool, style: ReportStyle) -> [String] {
    let label = isVerdict ? "VERDICT" : "ALSO"
    var lines = [
      style.strong("\(label)  \(code.rawValue)  \(code.title)") + (certainty == .open ? "" : " (\(certainty.rawValue))")
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
  fileprivate var text: String {
    "\(fixed(minus * 100, 1)) % -1, \(fixed(zero * 100, 1)) % 0, \(fixed(plus * 100, 1)) % +1"
  }
}

extension WeightStatistics {
  private var layerName: String { name.hasSuffix(".weight") ? String(name.dropLast(7)) : name }

  fileprivate var storedRow: [String] {
    [
      layerName, storage, shape.map(String.init).joined(separator: "×"), fixed(Double(minimum), 3),
      fixed(Double(maximum), 3), fixed(absmean, 4), fixed(standardDeviation, 4), fixed(frobenius, 2),
      distinctValues > WeightStatistics.distinctLimit ? ">\(WeightStatistics.distinctLimit)" : "\(distinctValues)",
    ]
  }

  fileprivate var ternaryRow: [String] {
    [layerName, "±\(fixed(Double(scale), 4))", fixed(ternaryAbsmean, 4), fixed(ternaryFrobenius, 2)]
      + [frobeniusRatio, shares.minus, shares.zero, shares.plus].map { "\(fixed($0 * 100, 1)) %" }
  }
}

extension TextProbe {
  fileprivate func lines(style: ReportStyle) -> [String] {
    var table = TextTable(["", "nats/token", "perplexity"], [.left, .right, .right])
    for loss in losses { table.add([loss.mode.rawValue, fixed(loss.loss, 3), significant(loss.perplexity)]) }
    table.add(["knows nothing", fixed(uniformLoss, 3), significant(exp(uniformLoss))])
    return [style.strong("TEXT") + "  how well each mode predicts \(tokens) tokens"] + table.lines + [""]
  }
}

extension PromptBehaviour {
  fileprivate func lines(isVerbose: Bool, style: ReportStyle) -> [String] {
    var lines = [style.strong("PROMPT") + "  \"\(singleLine(prompt ?? ""))\""]
    lines += wrapped("token ids \(tokens.map(String.init).joined(separator: " "))", first: "  ", rest: "    ")
    var table = TextTable(
      ["next token"] + modes.map(\.mode.rawValue), [.left] + modes.map { _ in .left })
    for rank in 0..<(modes.map(\.top.count).max() ?? 0) {
      table.add(
        ["\(rank + 1)"]
          + modes.map { mode in
            guard mode.top.indices.contains(rank) else { return "" }
            return "\(fixed(mode.top[rank].probability, 4))  \(quoted(mode.top[rank]))"
          })
    }
    func add(_ label: String, _ value: (ModeBehaviour) -> String) { table.add([label] + modes.map(value)) }
    add("entropy, nats") { fixed($0.entropy, 2) }
    add("P(end)") { significant($0.endProbability) }
    for (index, end) in (modes.first?.endTokens ?? []).enumerated() {
      add("  \(singleLine(end.text ?? "")) (\(end.id))") { significant($0.endTokens[index].probability) }
    }
    add("KL(none || mode), nats") { fixed($0.divergence, 3) }
    add("cosine of logits") { fixed($0.cosine, 4) }
    add("repetition") { fixed($0.repetition, 2) }
    let layers = modes.first?.hiddenRMS.count ?? 0
    let shown = isVerbose ? Set(0..<layers) : Set([0, layers / 2, layers - 1]).filter { (0..<layers).contains($0) }
    for layer in shown.sorted() {
      add("RMS after layer \(layer)") { $0.hiddenRMS.indices.contains(layer) ? significant($0.hiddenRMS[layer]) : "" }
    }
    add("departs at layer") { $0.departsAtLayer.map(String.init) ?? "-" }
    lines += table.lines
    lines.append("  greedy continuation")
    for mode in modes {
      let label = mode.mode.rawValue + String(repeating: " ", count: max(0, 10 - mode.mode.rawValue.count))
      lines += wrapped(
        mode.continuation.map { "\"\(singleLine($0))\"" } ?? "(no tokenizer)", first: "    \(label)  ",
        rest: "                ")
    }
    return lines + [""]
  }

  /// The token in quotation marks, cut where it would stretch the table.
  private func quoted(_ token: TokenProbability) -> String {
    guard let text = token.text.map(singleLine) else { return "#\(token.id)" }
    return text.unicodeScalars.count > 20 ? "\"\(text.unicodeScalars.prefix(19))…\"" : "\"\(text)\""
  }
}
