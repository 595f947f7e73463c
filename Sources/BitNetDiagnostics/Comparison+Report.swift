import BitNet

extension Comparison {
  /// The report as a page of text: the conclusion, then what led to it.
  ///
  /// - Parameters:
  ///   - isVerbose: every setting, every tensor, every layer and position, instead of what differs.
  ///   - style: whether titles are marked for a terminal.
  public func report(isVerbose: Bool = false, style: ReportStyle = .plain) -> String {
    var lines = ["A  \(singleLine(a))", "B  \(singleLine(b))", ""]
    lines += wrapped(singleLine(conclusion), first: style.strong(isSame ? "SAME" : "DIFFERENT") + "  ", rest: "  ")
    if differences.count > 1 {
      for difference in differences { lines += wrapped(singleLine(difference.sentence), first: "  - ", rest: "    ") }
    }
    for note in notes { lines += wrapped(singleLine(note), first: "  note: ", rest: "    ") }
    lines.append("")
    if !settings.isEmpty {
      lines += [style.strong("SETTINGS") + "  ! marks what changes the output"]
      lines += settingLines(settings + (tokenizer?.settings ?? []), isVerbose: isVerbose) + [""]
    }
    if !tensors.isEmpty { lines += tensorLines(isVerbose: isVerbose, style: style) + [""] }
    if let hidden { lines += hidden.lines(isVerbose: isVerbose, style: style) + [""] }
    if let logits { lines += logits.lines(isVerbose: isVerbose, style: style) + [""] }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n") + "\n"
  }

  private func settingLines(_ rows: [SettingComparison], isVerbose: Bool) -> [String] {
    let shown = isVerbose ? rows : rows.filter(\.differs)
    guard !shown.isEmpty else { return ["  all \(rows.count) alike"] }
    var table = TextTable(["", "", "A", "B"], [.left, .left, .left, .left])
    for row in shown { table.add([row.matters ? "!" : "", row.name, cut(row.a), cut(row.b)]) }
    let alike = rows.count - shown.count
    return table.lines + (alike > 0 ? ["  \(alike) more are alike"] : [])
  }

  private func cut(_ text: String) -> String {
    let line = singleLine(text)
    return line.unicodeScalars.count > 36
      ? String(String.UnicodeScalarView(line.unicodeScalars.prefix(35))) + "…" : line
  }

  private func tensorLines(isVerbose: Bool, style: ReportStyle) -> [String] {
    var counts: [(TensorComparison.Status, String)] = [
      (.equal, "equal"), (.rounded, "rounded"), (.differs, "differ"), (.shape, "of another shape"),
      (.unreadable, "unreadable"),
      (.missingInA, "missing in A"), (.missingInB, "missing in B"),
    ]
    counts.removeAll { status, _ in !tensors.contains { $0.status == status } }
    let summary = counts.map { status, word in "\(tensors.count { $0.status == status }) \(word)" }
    let lines = [style.strong("TENSORS") + "  \(tensors.count) by role: \(summary.joined(separator: ", "))"]
    let wrong = tensors.filter(\.matters)
    let telling = wrong.isEmpty ? tensors.filter { $0.status == .rounded } : wrong
    let shown = isVerbose ? tensors : Array(telling.prefix(12))
    guard !shown.isEmpty else { return lines }
    var table = TextTable(
      ["", "A", "B", "max", "relative", "trits", "scale B/A", "looks"],
      [.left, .left, .left, .right, .right, .right, .right, .left])
    for tensor in shown { table.add(tensor.row) }
    let rest = isVerbose ? 0 : telling.count - shown.count
    return lines + table.lines + (rest > 0 ? ["  … \(rest) more with --verbose"] : [])
  }
}

extension TensorComparison {
  fileprivate var row: [String] {
    [
      shortName, storage[0] ?? "-", storage[1] ?? "-", maximum.map(significant) ?? "", relative.map(significant) ?? "",
      differingTrits.map { "\(fixed($0 * 100, 2)) %" } ?? "", scaleRatio.map { fixed($0, 4) } ?? "",
      pattern?.name ?? (status == .shape ? shapes.map { "\($0)" }.joined(separator: " ") : ""),
    ]
  }
}

extension HiddenComparison {
  fileprivate func lines(isVerbose: Bool, style: ReportStyle) -> [String] {
    let verdict =
      partsAtLayer.map { $0 < 0 ? "part at the embedding" : "part at layer \($0)" }
      ?? "never part by more than \(significant(tolerance))"
    let blame = tensor.map { "; \($0) differs most there" } ?? ""
    var table = TextTable(["after", "relative difference"], [.left, .right])
    let last = relative.count - 1
    let near = (partsAtLayer ?? last) + 1
    let shown =
      isVerbose
      ? Array(0...last) : Set([0, near - 1, near, near + 1, last]).filter { (0...last).contains($0) }.sorted()
    for index in shown { table.add([index == 0 ? "embedding" : "layer \(index - 1)", significant(relative[index])]) }
    return [style.strong("HIDDEN STATES") + "  \(verdict)\(blame)"] + table.lines
  }
}

extension LogitsComparison {
  fileprivate func lines(isVerbose: Bool, style: ReportStyle) -> [String] {
    var lines = [
      style.strong("LOGITS")
        + "  \(positions.count) positions, the same top token at \(fixed(topAgreement * 100, 1)) %"
    ]
    var table = TextTable(["", "worst", "mean"], [.left, .right, .right])
    if let minimumCosine, let meanCosine { table.add(["cosine", fixed(minimumCosine, 6), fixed(meanCosine, 6)]) }
    table.add(["KL(A || B), nats", significant(maximumDivergence), significant(meanDivergence)])
    table.add(["largest difference", significant(maximum)])
    lines += table.lines
    if let worst, worst.divergence > 0 || worst.maximum > 0 {
      lines.append("  worst at \(worst.place)")
    }
    guard isVerbose else { return lines }
    var all = TextTable(
      ["text", "position", "token", "cosine", "KL", "max", "top A", "top B"],
      [.right, .right, .left, .right, .right, .right, .right, .right])
    for position in positions { all.add(position.row) }
    return lines + [""] + all.lines
  }
}

extension PositionComparison {
  fileprivate var row: [String] {
    [
      "\(sequence + 1)", "\(position)", text.map { "\"\(singleLine($0))\"" } ?? "\(token)",
      cosine.map { fixed($0, 6) } ?? "", significant(divergence), significant(maximum), "\(topA)",
      topB.map(String.init) ?? "?",
    ]
  }
}
