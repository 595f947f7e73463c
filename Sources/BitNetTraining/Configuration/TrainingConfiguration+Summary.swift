extension TrainingConfiguration {
  /// Source tokens of an optimizer step: batch_size * gradient_accumulation_steps * max_seq_length.
  package var tokensPerStep: Int { batchSize * gradientAccumulationSteps * maxSequenceLength }

  /// Optimizer steps of the run.
  package var steps: Int { maxSteps ?? (totalTokens ?? 0) / tokensPerStep }

  /// What the run will do, in a few lines.
  package func summary() -> String {
    let tokens = steps.multipliedReportingOverflow(by: tokensPerStep)
    var lines = [
      "run          \(run.name), to \(run.outputDirectory)",
      "model        \(modelSummary)",
      "step         \(batchSize) sequences x \(gradientAccumulationSteps) batches x \(maxSequenceLength) tokens"
        + " = \(Self.grouped(tokensPerStep)) tokens",
      "length       \(Self.grouped(steps)) steps"
        + (tokens.overflow ? "" : " = \(Self.grouped(tokens.partialValue)) tokens")
        + (totalTokens.map { " of a budget of \(Self.grouped($0))" } ?? ""),
      "optimizer    \(optimizerSummary)",
      "objectives   \(objectiveSummary)",
    ]
    if lambdaWarmup.isEnabled {
      lines.append(
        "lambda       \(lambdaWarmup.minimum) to \(lambdaWarmup.maximum) in \(lambdaWarmup.warmupSteps) steps, "
          + lambdaWarmup.shape.rawValue)
    }
    if scheduler.warmupSteps >= steps, scheduler.kind != .constant {
      lines.append(
        "note         the warm-up of the rate, \(scheduler.warmupSteps) steps, is not over when the run ends")
    }
    return lines.joined(separator: "\n")
  }

  private var modelSummary: String {
    if let path = model.pretrained { return "from \(path)" }
    guard let sizes = model.sizes else { return "none" }
    return "new: \(sizes.layerCount) layers of \(sizes.hiddenSize), \(sizes.heads) heads of \(sizes.headSize), "
      + "\(sizes.kvHeads) of keys, feed-forward \(sizes.intermediateSize), \(model.activation.rawValue)"
  }

  private var optimizerSummary: String {
    let rates =
      switch optimizer.kind {
      case .adamW: "adamw at \(optimizer.adamRate)"
      case .muon: "muon at \(optimizer.muonRate), adamw at \(optimizer.adamRate)"
      }
    return "\(rates), decay \(optimizer.weightDecay), schedule \(scheduler.kind.rawValue)"
  }

  private var objectiveSummary: String {
    guard curriculum.isEnabled else {
      return ObjectiveName.allCases.filter { objectives.plan($0).isEnabled }
        .map { "\($0.rawValue) \(objectives.plan($0).weight)" }.joined(separator: ", ")
    }
    return curriculum.phases.map { phase in
      let weights = ObjectiveName.allCases.compactMap { name in
        phase.weights[name.rawValue].flatMap { $0 > 0 ? "\(name.rawValue) \($0)" : nil }
      }
      return "\(phase.name) to \(phase.endRatio) (\(weights.joined(separator: ", ")))"
    }.joined(separator: ", ")
  }

  /// A number with commas between thousands.
  private static func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.enumerated().map { index, digit in
      index > 0 && (digits.count - index).isMultiple(of: 3) ? ",\(digit)" : "\(digit)"
    }.joined()
  }

  /// The configuration as a file that gives it again, every key written out.
  ///
  /// - Parameter marksDefaults: whether a comment tells what was left to its default.
  package func printed(marksDefaults: Bool = true) -> String {
    var text = ""
    var open: [String] = []
    // The shape of a pretrained model is its own, and refused beside it.
    let isTaken = { (key: ConfigurationKey) in key.path.hasPrefix("model.") && key.path != "model.pretrained" }
    for key in keys where model.pretrained == nil || !isTaken(key) {
      var parts = key.path.split(separator: ".").map(String.init)
      let leaf = parts.removeLast()
      let shared = zip(open, parts).prefix { $0 == $1 }.count
      for depth in shared..<max(shared, parts.count) {
        let isNumber = Int(parts[depth]) != nil
        text +=
          "\(String(repeating: "  ", count: depth))\(isNumber ? "-" : "\(ConfigurationNode.quoted(parts[depth])):")\n"
      }
      open = parts
      let indent = String(repeating: "  ", count: parts.count)
      let comment = marksDefaults && !key.isWritten ? "  # default" : ""
      text += "\(indent)\(ConfigurationNode.quoted(leaf)): \(key.value)\(comment)\n"
    }
    return text
  }
}
