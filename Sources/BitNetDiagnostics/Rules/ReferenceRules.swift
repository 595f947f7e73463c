/// What a second model shows.
extension Rules {
  static let referenceRules: [Rule] =
    [sameAsReference] + patterns.keys.sorted { $0.rawValue < $1.rawValue }.map(patternRule) + [differsFromReference]

  /// What a difference between two matrices is called as a fault.
  private static let patterns: [Finding.Code: Set<String>] = [
    .scaleOutlier: ["scaled"], .negatedTrits: ["negated"], .rotaryOrder: ["permutedForRotation"],
    .packingOrder: ["quartersAsNeighbours"], .scrambledTensor: ["rowsShuffled", "columnsShuffled", "transposed"],
    .signQuantized: ["signsOnly"], .absmaxQuantized: ["mostlyZeros"], .quantizedTwice: ["quantizedTwice"],
    .scalesInverted: ["scaleInverted"], .scalesLost: ["scaleLost"],
  ]

  /// The most that another model's weights differ by when they are called that model's.
  private static let sameWeights = 0.01

  private static let sameAsReference = Rule(
    .sameAsReference, "Training moves every weight; weights within 1 % of another model's are that model's."
  ) { evidence in
    guard let reference = evidence.reference else { return nil }
    let linears = reference.tensors.filter { $0.isLinear && $0.relative != nil }
    let close = linears.filter { ($0.relative ?? 1) <= sameWeights }
    guard !linears.isEmpty, close.count * 10 >= linears.count * 9 else { return nil }
    let largest = close.compactMap(\.relative).max() ?? 0
    return Finding(
      code: .sameAsReference, certainty: .certain, severity: reference.isSame ? .info : nil,
      evidence: [
        "\(close.count) of \(linears.count) matrices differ from \(reference.a)'s by at most \(percent(largest))",
        "otherwise: \(reference.conclusion)",
      ],
      nextSteps: [
        "If it was to be trained from that model, the training did not reach these weights, or the wrong checkpoint was "
          + "saved."
      ])
  }

  private static func patternRule(_ code: Finding.Code) -> Rule {
    Rule(code, "A matrix that is another one but for a known mistake was made by that mistake.") { evidence in
      guard let reference = evidence.reference, let names = patterns[code] else { return nil }
      let found = reference.tensors.filter { names.contains($0.pattern?.name ?? "") }
      guard !found.isEmpty else { return nil }
      return Finding(
        code: code, certainty: .certain, tensors: found.map(\.name),
        evidence: shortened(found.map { "\($0.name) \($0.pattern?.text ?? ""), where A is \(reference.a)" }),
        nextSteps: ["Convert again from the source: `bitnet convert SOURCE -o model.gguf`."])
    }
  }

  private static let differsFromReference = Rule(
    .differsFromReference, "The first tensor that differs is where to look."
  ) { evidence in
    guard let reference = evidence.reference, !reference.isSame else { return nil }
    let first = reference.tensors.first { $0.matters }
    return Finding(
      code: .differsFromReference, certainty: .certain, tensors: [first?.name].compactMap(\.self),
      evidence: [reference.conclusion]
        + (first.map { ["the first tensor that differs is \($0.name)"] } ?? [])
        + (reference.hidden?.partsAtLayer.map { ["hidden states part at block \($0)"] } ?? []),
      nextSteps: ["`bitnet compare REFERENCE MODEL` shows every tensor and setting."])
  }
}
