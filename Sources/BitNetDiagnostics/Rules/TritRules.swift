/// How trits and their scales came about.
extension Rules {
  static let tritRules: [Rule] = [
    signQuantized, absmaxQuantized, scalesLost, repaired(.scalesInverted, scaleSteps, needs: "ternary weights"),
    scaleOutlier, repaired(.quantizedTwice, scaleSteps, needs: "ternary weights"),
    repaired(
      .negatedTrits, ["Convert again with a converter that reads the codes 0, 1, 2 as -1, 0, +1."],
      needs: "ternary weights"),
    mixedStorage,
  ]

  private static let scaleSteps = [
    "Convert again: `bitnet convert SOURCE -o model.gguf` reads linear_class and never quantizes trits again.",
    "`bitnet compare SOURCE MODEL` names every scale that differs.",
  ]

  private static func ternary(_ evidence: Evidence) -> [WeightStatistics] {
    let ternary = evidence.weights.filter { $0.isTernary && $0.frobenius > 0 }
    return ternary.count * 2 > evidence.weights.count ? ternary : []
  }

  private static let signQuantized = Rule(
    .signQuantized, "Rounding by absmean leaves 30 to 45 % zeros; the sign of a weight is never zero."
  ) { evidence in
    let signs = ternary(evidence).filter { $0.shares.zero < 0.01 }
    guard !signs.isEmpty else { return nil }
    return Finding(
      code: .signQuantized, certainty: .certain, tensors: signs.map(\.name),
      evidence: [
        "\(signs.count) of \(evidence.weights.count) matrices have less than 1 % zeros: \(list(signs.map(\.name)))"
      ],
      nextSteps: [
        "Make the trits again from the master weights by absmean: `bitnet convert MASTERS -o model.gguf`.",
        "bitnet.cpp's own quantizer takes signs: give it weights that are ternary already.",
      ])
  }

  private static let absmaxQuantized = Rule(
    .absmaxQuantized, "With the largest magnitude as scale, most weights are below half of it and become zero."
  ) { evidence in
    let mostly = ternary(evidence).filter { $0.shares.zero > 0.65 }
    guard mostly.count * 2 > evidence.weights.count else { return nil }
    return Finding(
      code: .absmaxQuantized, certainty: .certain, tensors: mostly.map(\.name),
      evidence: [
        "\(mostly.count) of \(evidence.weights.count) matrices have more than 65 % zeros, "
          + "\(percent(WeightSummary(mostly).shares.zero)) on average"
      ],
      nextSteps: ["Make the trits again from the master weights by absmean: `bitnet convert MASTERS -o model.gguf`."])
  }

  private static let scalesLost = Rule(
    .scalesLost, "No two matrices learn the same scale; all scales 1 means that none was kept."
  ) { evidence in
    let trits = ternary(evidence)
    guard trits.count > 1, trits.allSatisfy({ $0.scale == 1 }) else { return nil }
    return Finding(
      code: .scalesLost, certainty: .certain,
      evidence: ["all \(trits.count) ternary matrices have the scale 1"],
      nextSteps: ["Convert again from the source, which has a weight_scale beside every packed weight."])
  }

  /// A scale by itself may be what training made of it: only one that mends the predictions when it is put right, or that
  /// is beyond any spread, is a fault.
  private static let scaleOutlier = Rule(
    .scaleOutlier, "The scales of one matrix change slowly from block to block."
  ) { evidence in
    let mended = evidence.repairs?.accepted.filter { $0.code == .scaleOutlier } ?? []
    var reasons = mended.map { repair in (repair.tensors.first ?? "", repairSentence(repair)) }
    for suspect in evidence.scaleSuspects
    where abs(suspect.deviation) > 12 && abs(suspect.factor.magnitudeRatio) > 4
      && !reasons.contains(where: { $0.0 == suspect.name })
    {
      let isInverse = abs(suspect.scale * suspect.expected - 1) < 0.3
      reasons.append(
        (
          suspect.name,
          "\(suspect.name) has the scale \(significant(suspect.scale)), its neighbours \(significant(suspect.expected))"
            + (isInverse ? ": as if inverted" : "")
        ))
    }
    guard !reasons.isEmpty else { return nil }
    return Finding(
      code: .scaleOutlier, certainty: mended.isEmpty ? .likely : .certain, tensors: reasons.map(\.0),
      evidence: shortened(reasons.map(\.1)), nextSteps: scaleSteps)
  }

  private static let mixedStorage = Rule(
    .mixedStorage, "Converters fall back to another type where rows do not fit, and seldom say so."
  ) { evidence in
    guard let types = evidence.facts?.linearTypes, types.count > 1, evidence.weights.count > 1 else { return nil }
    let trits = evidence.weights.filter(\.isTernary), dense = evidence.weights.filter { !$0.isTernary }
    guard !trits.isEmpty, !dense.isEmpty else { return nil }
    return Finding(
      code: .mixedStorage, certainty: .certain, tensors: dense.map(\.name),
      evidence: [
        types.sorted { $0.key < $1.key }.map { "\($0.value) linear layers are \($0.key)" }.joined(separator: ", "),
        "\(trits.count) are ternary, \(dense.count) are not: \(list(dense.map(\.name)))",
      ],
      nextSteps: [
        "Convert again with a type whose blocks fit every row: `bitnet convert SOURCE -o model.gguf --type i2_s`."
      ])
  }
}

extension Double {
  /// The number or its inverse, whichever is above 1.
  fileprivate var magnitudeRatio: Double { self > 0 ? Swift.max(self, 1 / self) : 1 }
}
