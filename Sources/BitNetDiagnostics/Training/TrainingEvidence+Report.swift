import ModelFormats

extension TrainingEvidence {
  /// The state of the run in one line: `37.75 % of the token budget, CE loss on, phase main`.
  public var summary: String {
    var parts: [String] = []
    if let budgetShare {
      parts.append("\(fixed(budgetShare * 100, 2)) % of the \(totalTokens == nil ? "planned steps" : "token budget")")
    } else if let globalStep {
      parts.append("step \(globalStep)")
    }
    if let crossEntropy, let isOn = crossEntropy.isOn {
      parts.append("CE loss \(isOn ? "on" : "off")")
    } else if !objectives.isEmpty {
      parts.append("CE loss off")
    }
    if let trend = crossEntropy?.trend, trend.direction != .unknown {
      parts.append("\(trend.direction.rawValue) \(fixed(trend.first, 2)) → \(fixed(trend.last, 2))")
    }
    if let phase { parts.append("phase \(phase)") }
    if let lambda { parts.append("lambda \(fixed(lambda, 2))") }
    return parts.joined(separator: ", ")
  }

  func lines(style: ReportStyle) -> [String] {
    var lines = [style.strong("TRAINING") + "  \(singleLine(summary))"]
    if !progressTable.isEmpty { lines += progressTable + [""] }
    if !objectives.isEmpty || loss != nil || evaluationLoss != nil {
      var table = TextTable(
        ["loss", "weight", "first", "last", "lowest", "course"], [.left, .right, .right, .right, .right, .left])
      for objective in objectives {
        let weight = objective.isOn == false ? "off" : objective.weight.map { fixed($0, 3) } ?? ""
        table.add([singleLine(objective.name), weight] + TrainingEvidence.cells(objective.trend))
      }
      if let loss { table.add(["all", ""] + TrainingEvidence.cells(loss)) }
      if let evaluationLoss { table.add(["held-out", ""] + TrainingEvidence.cells(evaluationLoss)) }
      lines += table.lines
    }
    for source in sources {
      let step = source.lastStep.map { ", to step \(grouped($0))" } ?? ""
      lines += wrapped("read: \(singleLine(source.path)) (\(source.kind.rawValue)\(step))", first: "  ", rest: "    ")
    }
    for note in notes { lines += wrapped(singleLine(note), first: "  note: ", rest: "    ") }
    return lines + [""]
  }

  private var progressTable: [String] {
    var lines = TrainingRunRules.progress(self).map { "  \(singleLine($0))" }
    if let rate = learningRate {
      var text = "  learning rate"
      if let first = rate.first, let largest = rate.largest, let last = rate.last {
        text += " \(significant(first)) first, \(significant(largest)) at most, \(significant(last)) last"
      }
      lines.append(text + (rate.schedule.map { "; schedule \(singleLine($0)) asked for" } ?? ""))
    }
    return lines
  }

  private static func cells(_ trend: Trend?) -> [String] {
    guard let trend else { return ["", "", "", ""] }
    var course = trend.direction.rawValue
    if let settled = trend.settledStep, trend.direction == .falling { course += " until step \(settled)" }
    if trend.nonFinite > 0 { course += ", \(trend.nonFinite) not a number" }
    if trend.spikes > 0 { course += ", \(trend.spikes) spikes" }
    return [fixed(trend.first, 3), fixed(trend.last, 3), fixed(trend.lowest, 3), course]
  }
}
