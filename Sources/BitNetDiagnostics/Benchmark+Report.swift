import BitNet

extension Benchmark {
  /// The measurements as a page of text.
  public func report() -> String {
    var lines = [
      "\(model), mode \(mode.rawValue), \(threads) threads, \(instructionSet)",
      "loaded in \(fixed(loadSeconds, 2)) s, peak memory \(fixed(Double(peakResidentBytes) / 1e9, 2)) GB",
      "a token reads \(fixed(Double(bytesPerToken) / 1e6, 1)) MB of weights; memory gives "
        + "\(fixed(memoryBandwidth / 1e9, 1)) GB/s (plain read, all threads)",
      "",
    ]
    var table = TextTable(["test", "tokens/s", "", "of bandwidth"], [.left, .right, .left, .right])
    for row in rows {
      table.add([
        row.test, fixed(row.mean, 2), "± \(fixed(row.deviation, 2))",
        row.bandwidthShare.map { "\(fixed($0 * 100, 1)) %" } ?? "",
      ])
    }
    lines += table.lines
    for row in rows {
      guard let passes = row.passes, let tokensPerPass = row.tokensPerPass else { continue }
      lines.append("\(row.test): \(passes) passes, \(fixed(tokensPerPass, 2)) tokens per pass")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The measurements as a table in Markdown, as llama-bench prints it.
  public func markdown() -> String {
    var lines = ["| model | mode | threads | test | t/s |", "|---|---|---:|---|---:|"]
    for row in rows {
      lines.append(
        "| \(model) | \(mode.rawValue) | \(threads) | \(row.test) | \(fixed(row.mean, 2)) ± \(fixed(row.deviation, 2)) |"
      )
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The measurements as comma-separated values, one line per test.
  public func csv() -> String {
    var lines = ["model,mode,instruction_set,threads,test,mean_tokens_per_second,deviation,samples"]
    for row in rows {
      let quoted = "\"" + model.replacing("\"", with: "\"\"") + "\""
      lines.append(
        [
          quoted, mode.rawValue, instructionSet, "\(threads)", row.test, fixed(row.mean, 3), fixed(row.deviation, 3),
          row.samples.map { fixed($0, 3) }.joined(separator: " "),
        ].joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
