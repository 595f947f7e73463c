import BitNet

extension Comparison {
  /// Fills in what follows from what was measured.
  mutating func conclude(cannotRun: String?) {
    if let layer = hidden?.partsAtLayer {
      hidden?.tensor =
        tensors.filter { $0.layer == layer && $0.status == .differs }
        .max { ($0.relative ?? 0) < ($1.relative ?? 0) }?.name
    }
    let weights = weightSentences()
    differences = shapeDifferences() + weights + settingDifferences() + tokenizerDifferences()
    if let logits, !logits.isSame, differences.isEmpty {
      differences.append(ComparisonDifference(code: .logits, sentence: logits.sentence))
    }
    if let cannotRun {
      differences.append(ComparisonDifference(code: .cannotRun, sentence: "cannot be run: \(cannotRun)"))
    }
    isSame = differences.isEmpty
    conclusion = sentence(hasSameWeights: weights.isEmpty && tensors.allSatisfy { !$0.matters })
  }

  private func sentence(hasSameWeights: Bool) -> String {
    guard !isSame else {
      let isRounded = tensors.contains { $0.status == .rounded }
      return "the same model" + (isRounded ? ", up to the rounding of how tensors are stored" : "")
    }
    let rest = differences.map(\.sentence).joined(separator: "; ")
    return hasSameWeights && !tensors.isEmpty ? "the same weights, \(rest)" : rest
  }

  private func shapeDifferences() -> [ComparisonDifference] {
    let wrong = settings.filter { $0.matters && $0.kind == .shape }
    guard !wrong.isEmpty else { return [] }
    return [
      ComparisonDifference(code: .shape, sentence: "different shapes: " + wrong.map(\.phrase).joined(separator: ", "))
    ]
  }

  private func settingDifferences() -> [ComparisonDifference] {
    settings.compactMap { setting in
      guard setting.matters, let kind = setting.kind, kind != .shape else { return nil }
      return ComparisonDifference(
        code: kind, sentence: "different " + setting.phrase + (kind == .vocabulary ? vocabularyRemark : ""))
    }
  }

  /// Rows without a token of their own are there to fill up.
  private var vocabularyRemark: String {
    guard let tokenizer, let sizes = tokenizer.sizes,
      let rows = settings.first(where: { $0.kind == .vocabulary }).flatMap({ row in
        Int(row.a).flatMap { a in Int(row.b).map { (a, $0) } }
      })
    else { return "" }
    let isPadding = sizes.a == sizes.b && min(rows.0, rows.1) >= sizes.a
    return isPadding ? " (rows that only fill up: both have \(sizes.a) tokens)" : ""
  }

  private func tokenizerDifferences() -> [ComparisonDifference] {
    guard let tokenizer else { return missingTokenizer }
    var found: [ComparisonDifference] = []
    if let token = tokenizer.firstDifferingToken {
      let count = tokenizer.differingTokens
      found.append(
        ComparisonDifference(
          code: .tokenizer,
          sentence: "different tokenizer: token \(token.id) is \(quoted(token.a)) against \(quoted(token.b))"
            + (count > 1 ? ", and \(count - 1) more differ" : "")))
    } else if let text = tokenizer.firstDifferingText {
      found.append(
        ComparisonDifference(
          code: .tokenizer,
          sentence: "different tokenization: \(quoted(String(text.text.prefix(40)))) becomes \(text.a.count) against "
            + "\(text.b.count) tokens"))
    }
    for setting in tokenizer.settings where setting.matters {
      guard let kind = setting.kind, kind != .tokenizer else { continue }
      let sentence: String
      if kind != .chatTemplate {
        sentence = "different special tokens: \(setting.phrase)"
      } else if setting.a == "none" || setting.b == "none" {
        sentence = "chat template missing in \(setting.b == "none" ? "B" : "A")"
      } else {
        sentence = "different chat templates"
      }
      found.append(ComparisonDifference(code: kind, sentence: sentence))
    }
    return found
  }

  private var missingTokenizer: [ComparisonDifference] {
    guard let lack = tokenizerLack else { return [] }
    return [ComparisonDifference(code: .tokenizer, sentence: "no usable tokenizer in \(lack)")]
  }

  private func quoted(_ text: String?) -> String { text.map { "\"\(singleLine($0))\"" } ?? "nothing" }
}

extension SettingComparison {
  /// "rope base: 10000.0 against 500000.0".
  fileprivate var phrase: String { "\(name): \(a) against \(b)" }
}

extension TokenizerComparison {
  /// The numbers of tokens.
  fileprivate var sizes: (a: Int, b: Int)? {
    guard let row = settings.first(where: { $0.kind == .tokenizer }), let a = Int(row.a), let b = Int(row.b) else {
      return nil
    }
    return (a, b)
  }
}

extension LogitsComparison {
  /// How well they agree, in words.
  var agreement: String {
    guard let worst, worst.relative ?? maximumDivergence > 1e-3 else { return "the same logits" }
    let amount = worst.relative.map { "a relative difference of \(significant($0))" }
    return "the same logits, up to " + (amount ?? "KL \(significant(maximumDivergence)) nats")
  }

  /// What differs, in words.
  var sentence: String {
    guard let worst else { return "no logits" }
    let cosine = minimumCosine.map { "cosine down to \(fixed($0, 4)), " } ?? ""
    return "logits differ: \(cosine)KL up to \(significant(maximumDivergence)) nats, the same top token at "
      + "\(fixed(topAgreement * 100, 1)) % of \(positions.count) positions, worst at \(worst.place)"
  }
}

extension PositionComparison {
  /// Where it is, in words.
  var place: String {
    "position \(position)" + (sequence > 0 ? " of text \(sequence + 1)" : "")
      + (text.map { " (\"\(singleLine($0))\")" } ?? "")
  }
}
