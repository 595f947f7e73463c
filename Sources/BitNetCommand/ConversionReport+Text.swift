import BitNetConversion
import BitNetDiagnostics

extension ConversionReport {
  /// The report for the terminal.
  func text(style: ReportStyle) -> String {
    var lines = ["\(source) -> \(output)", "  architecture \(architecture), for \(target)"]
    lines += isDryRun ? tensorLines : groupLines
    if let shares {
      lines.append(
        "  ternary values: \(percent(shares.minus)) -1, \(percent(shares.zero)) 0, \(percent(shares.plus)) +1")
    }
    for warning in warnings { lines += wrapped(warning, first: "  note: ", rest: "    ") }
    if isDryRun { lines.append("  nothing was written (--dry-run)") }
    if let seconds { lines.append("  written in \(tenths(seconds)) s") }
    lines += verification?.lines ?? []
    return lines.joined(separator: "\n") + "\n"
  }

  private var tensorLines: [String] {
    var table = TextTable(
      ["tensor", "shape", "from", "to", "bytes", "why"], [.left, .left, .left, .left, .right, .left])
    for step in tensors {
      let why = [step.isReordered ? "rows in the other rotary order" : nil, step.reason].compactMap { $0 }
      table.add([
        step.name, step.shape.map(String.init).joined(separator: "x"), step.from, step.to, "\(step.bytes)",
        why.joined(separator: "; "),
      ])
    }
    return table.lines + ["  \(tensors.count) tensors, \(tensorBytes) bytes"]
  }

  /// The tensors that fare alike, together.
  private var groupLines: [String] {
    var counts: [String: (count: Int, bytes: Int, first: Int)] = [:]
    var keys: [[String]] = []
    for step in tensors {
      let key = [step.from, step.to, step.reason ?? ""]
      let name = key.joined(separator: "|")
      if counts[name] == nil { keys.append(key) }
      counts[name, default: (0, 0, 0)].count += 1
      counts[name]?.bytes += step.bytes
    }
    var table = TextTable(["tensors", "from", "to", "bytes", "why"], [.right, .left, .left, .right, .left])
    for key in keys {
      let group = counts[key.joined(separator: "|")] ?? (0, 0, 0)
      table.add(["\(group.count)", key[0], key[1], "\(group.bytes)", key[2]])
    }
    return table.lines
  }
}

extension ConversionReport.Verification {
  fileprivate var lines: [String] {
    var lines = ["  verified: \(exactTernary) ternary tensors exact, \(exactOthers) others exact, \(rounded) rounded"]
    if rounded > 0 { lines[0] += " (by at most \(largestRounding) of the largest value)" }
    for prompt in prompts {
      let difference = prompt.firstDifference.map { "token \($0) differs" } ?? "all \(prompt.tokens) tokens equal"
      lines.append("    \"\(prompt.text)\": cosine of the logits \(sixths(prompt.cosine)), \(difference)")
    }
    return lines
  }
}

private func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
private func tenths(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }
private func sixths(_ number: Double) -> String { "\((number * 1e6).rounded() / 1e6)" }
