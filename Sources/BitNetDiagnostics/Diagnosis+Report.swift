import BitNet

extension Diagnosis {
  /// The report as a page of text: the verdict, then what led to it.
  ///
  /// - Parameter isVerbose: every linear layer and every layer's RMS, instead of a summary.
  public func report(isVerbose: Bool = false) -> String {
    var lines = [model, ""]
    for finding in findings { lines += finding.lines(isVerdict: finding == verdict) }
    lines += facts.lines
    lines += weightLines(isVerbose: isVerbose)
    if let probe { lines += probe.lines }
    for prompt in behaviour { lines += prompt.lines(isVerbose: isVerbose) }
    return lines.joined(separator: "\n") + "\n"
  }

  private func weightLines(isVerbose: Bool) -> [String] {
    let summary = weightSummary
    var lines = ["WEIGHTS"]
    lines.append(
      "  \(summary.matrices) linear layers, \(fixed(Double(summary.weights) / 1e6, 1)) M weights, "
        + "\(summary.ternaryMatrices) of them ternary already; shares of -1/0/+1: \(summary.shares.text)")
    lines.append(
      "  ternarization keeps \(fixed(summary.frobeniusRatio.lowerBound * 100, 1)) to "
        + "\(fixed(summary.frobeniusRatio.upperBound * 100, 1)) % of the Frobenius norms")
    var table = TextTable(
      ["tensor", "type", "shape", "range", "absmean", "std", "Frobenius", "ratio", "-1/0/+1 %", "distinct"],
      [.left, .left, .right, .right, .right, .right, .right, .right, .right, .right])
    let shown = isVerbose ? weights : weights.filter { $0.name.hasPrefix("blk.0.") }
    for tensor in shown { table.add(tensor.row) }
    lines += table.lines
    if shown.count < weights.count { lines.append("  … \(weights.count - shown.count) more with --verbose") }
    return lines + [""]
  }
}

extension Finding {
  fileprivate func lines(isVerdict: Bool) -> [String] {
    let label = isVerdict ? "VERDICT" : "ALSO   "
    var lines = ["\(label)  \(code.rawValue)  \(code.title)" + (certainty == .open ? "" : " (\(certainty.rawValue))")]
    for sentence in evidence { lines += wrapped(sentence, first: "  - ", rest: "    ") }
    for sentence in nextSteps { lines += wrapped(sentence, first: "  > ", rest: "    ") }
    return lines + [""]
  }
}

extension ModelFacts {
  fileprivate var lines: [String] {
    var lines = ["MODEL"]
    lines.append(
      "  \(architecture), \(layers) layers, hidden size \(hiddenSize), vocabulary \(vocabularySize)"
        + (tokenizerSize.map { $0 == vocabularySize ? "" : " (tokenizer: \($0))" } ?? " (no tokenizer)")
        + (declaresBitLinear ? ", declares itself a BitNet" : ""))
    lines.append("  \(norms) norms, \(subNorms == 0 ? "no" : "\(subNorms)") sub-norms")
    if let globalStep {
      lines.append(
        "  trained for \(globalStep) steps" + (maximumSteps.map { " of \($0)" } ?? "")
          + (bestEvaluationLoss.map { ", best evaluation loss \($0)" } ?? ""))
    }
    for note in notes { lines += wrapped(note, first: "  note: ", rest: "    ") }
    return lines + [""]
  }
}

extension TritShares {
  fileprivate var text: String {
    "\(fixed(minus * 100, 1))/\(fixed(zero * 100, 1))/\(fixed(plus * 100, 1)) %"
  }
}

extension WeightStatistics {
  fileprivate var row: [String] {
    [
      name, storage, shape.map(String.init).joined(separator: "×"),
      "[\(fixed(Double(minimum), 3)), \(fixed(Double(maximum), 3))] -> ±\(fixed(Double(scale), 4))",
      "\(fixed(absmean, 4)) -> \(fixed(ternaryAbsmean, 4))", fixed(standardDeviation, 4),
      "\(fixed(frobenius, 2)) -> \(fixed(ternaryFrobenius, 2))", fixed(frobeniusRatio, 3),
      "\(fixed(shares.minus * 100, 1))/\(fixed(shares.zero * 100, 1))/\(fixed(shares.plus * 100, 1))",
      distinctValues > WeightStatistics.distinctLimit ? ">\(WeightStatistics.distinctLimit)" : "\(distinctValues)",
    ]
  }
}

extension TextProbe {
  fileprivate var lines: [String] {
    var table = TextTable(["TEXT, \(tokens) tokens", "nats/token", "perplexity"], [.left, .right, .right])
    for loss in losses { table.add([loss.mode.rawValue, fixed(loss.loss, 3), significant(loss.perplexity)]) }
    table.add(["(knows nothing)", fixed(uniformLoss, 3), ""])
    return table.lines.map { String($0.dropFirst(2)) } + [""]
  }
}

extension PromptBehaviour {
  fileprivate func lines(isVerbose: Bool) -> [String] {
    var lines = ["PROMPT  \"\(prompt ?? "")\"  (token ids \(tokens.map(String.init).joined(separator: " ")))"]
    var table = TextTable(
      ["next token"] + modes.map(\.mode.rawValue), [.left] + modes.map { _ in .left })
    for rank in 0..<5 {
      table.add(
        ["\(rank + 1)"]
          + modes.map { mode in
            guard mode.top.indices.contains(rank) else { return "" }
            return "\(quoted(mode.top[rank])) \(fixed(mode.top[rank].probability, 4))"
          })
    }
    func add(_ label: String, _ value: (ModeBehaviour) -> String) { table.add([label] + modes.map(value)) }
    add("entropy, nats") { fixed($0.entropy, 2) }
    add("P(end)") { significant($0.endProbability) }
    for (index, end) in (modes.first?.endTokens ?? []).enumerated() {
      add("  \(end.text ?? "") (\(end.id))") { significant($0.endTokens[index].probability) }
    }
    add("KL(none || mode)") { fixed($0.divergence, 3) }
    add("cosine of logits") { fixed($0.cosine, 4) }
    add("repetition") { fixed($0.repetition, 2) }
    let layers = modes.first?.hiddenRMS.count ?? 0
    for layer in isVerbose ? Array(0..<layers) : [0, layers / 2, layers - 1].filter({ $0 >= 0 && layers > 0 }) {
      add("RMS after layer \(layer)") { $0.hiddenRMS.indices.contains(layer) ? significant($0.hiddenRMS[layer]) : "" }
    }
    add("departs at layer") { $0.departsAtLayer.map(String.init) ?? "-" }
    lines += table.lines
    lines.append("  greedy continuation:")
    for mode in modes {
      let label = mode.mode.rawValue + String(repeating: " ", count: max(0, 10 - mode.mode.rawValue.count))
      lines += wrapped(
        singleLine(mode.continuation ?? "(no tokenizer)"), first: "    \(label)  ", rest: "                ")
    }
    return lines + [""]
  }

  private func quoted(_ token: TokenProbability) -> String {
    token.text.map { "\"\(singleLine($0))\"" } ?? "#\(token.id)"
  }

  private func singleLine(_ text: String) -> String {
    String(
      text.unicodeScalars.map { scalar in
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: scalar.properties.generalCategory == .control ? "\u{FFFD}" : String(scalar)
        }
      }.joined())
  }
}
