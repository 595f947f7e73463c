import BitNet

/// Weights that cannot be right whatever the model.
extension Rules {
  static let damageRules: [Rule] = [damaged, duplicated, noise, scrambled, deadRows]

  private static let again = [
    "Fetch or convert the model again and compare checksums with the source.",
    "If the source holds the same values, the training run diverged: go back to an earlier checkpoint.",
  ]

  private static let damaged = Rule(
    .damaged, "Numbers that are none, and matrices and norms of zeros, do not come out of training."
  ) { evidence in
    var reasons: [(String, String)] = []
    for tensor in evidence.weights where tensor.nonFinite > 0 {
      reasons.append((tensor.name, "\(tensor.name): \(tensor.nonFinite) weights are infinite or not a number"))
    }
    for tensor in evidence.weights where tensor.nonFinite == 0 && tensor.frobenius == 0 {
      reasons.append((tensor.name, "\(tensor.name): every weight is zero"))
    }
    for norm in evidence.norms where norm.nonFinite > 0 {
      reasons.append((norm.name, "\(norm.name): values that are infinite or not a number"))
    }
    for norm in evidence.norms where norm.nonFinite == 0 && norm.minimum == 0 && norm.maximum == 0 {
      reasons.append((norm.name, "\(norm.name): every gain is zero"))
    }
    let unreadable = evidence.problems.filter { $0.code == .damaged }
    guard !reasons.isEmpty || !unreadable.isEmpty else { return nil }
    return Finding(
      code: .damaged, certainty: .certain, tensors: reasons.map(\.0) + unreadable.compactMap(\.tensor),
      evidence: shortened(unreadable.map(\.sentence) + reasons.map(\.1)), nextSteps: again)
  }

  private static let duplicated = Rule(
    .duplicatedTensors, "Two blocks never learn the same weights; the same matrix twice was written twice."
  ) { evidence in
    var seen: [String: String] = [:]
    var pairs: [(String, String)] = []
    for tensor in evidence.weights where tensor.frobenius > 0 {
      let key = "\(tensor.shape) \(tensor.frobenius) \(tensor.fingerprint)"
      if let other = seen[key] { pairs.append((other, tensor.name)) } else { seen[key] = tensor.name }
    }
    guard !pairs.isEmpty else { return nil }
    return Finding(
      code: .duplicatedTensors, certainty: .certain, tensors: pairs.map(\.1),
      evidence: shortened(pairs.map { "\($0.1) holds the weights of \($0.0)" }),
      nextSteps: ["A shard was read twice, or blocks were renumbered: convert again from the source and compare."])
  }

  /// Rows and columns of independent numbers vary as chance has it. In a model whose other matrices vary more, one that
  /// does not was never trained with them.
  private static let noise = Rule(
    .noise, "Training makes the rows and columns of a matrix differ; in noise they are alike but for chance."
  ) { evidence in
    func structure(_ tensor: WeightStatistics) -> Double { max(tensor.rowDispersion, tensor.columnDispersion) }
    var found: [(WeightStatistics, Double)] = []
    for tensor in evidence.weights where tensor.nonFinite == 0 && tensor.frobenius > 0 {
      let role = tensor.name.split(separator: ".").dropFirst(2).first ?? ""
      let siblings = evidence.weights.filter { $0.name.contains(".\(role).") && $0.name != tensor.name }
      let usual = median(siblings.map(structure))
      let isAligned = evidence.alignsSomewhere(tensor.name)
      if !siblings.isEmpty, usual > 2.5, structure(tensor) < 1.25, !isAligned { found.append((tensor, usual)) }
    }
    // Where many are alike, that is how the model is.
    guard !found.isEmpty, found.count * 4 <= evidence.weights.count else { return nil }
    return Finding(
      code: .noise, certainty: .likely, tensors: found.map(\.0.name),
      evidence: shortened(
        found.map {
          "\($0.0.name): its rows vary \(fixed($0.0.rowDispersion, 2)) and its columns "
            + "\(fixed($0.0.columnDispersion, 2)) times as much as independent numbers; the same matrix of other blocks "
            + "\(fixed($0.1, 1)) times"
        }),
      nextSteps: again)
  }

  private static let scrambled = Rule(
    .scrambledTensor,
    "Matrices that meet along a dimension are aligned by training; one in another order is aligned with none."
  ) { evidence in
    let suspects = CoherenceSuspect.find(evidence.coherence)
    // The same pair broken everywhere is an order of the whole file's.
    guard !suspects.isEmpty, suspects.count * 2 <= evidence.coherence.count else { return nil }
    return Finding(
      code: .scrambledTensor, certainty: suspects.allSatisfy { $0.names.count == 1 } ? .certain : .likely,
      tensors: suspects.flatMap(\.names),
      evidence: shortened(
        suspects.map { "\($0.names.joined(separator: " or ")): \($0.pairs.joined(separator: "; "))" }),
      nextSteps: [
        "Convert the model again, and find the tensor by comparing with the source: `bitnet compare SOURCE MODEL`."
      ])
  }

  private static let deadRows = Rule(
    .deadRows, "An output whose weights are all zero says nothing."
  ) { evidence in
    // Training never makes a float exactly zero, but whole rows small enough to become trits of zero: neurons that squared
    // ReLU left behind, 5 % of them in the model in Models/.
    let dead = evidence.weights.filter { $0.frobenius > 0 && $0.zeroRows * ($0.isTernary ? 4 : 20) > $0.shape[0] }
    guard !dead.isEmpty else { return nil }
    return Finding(
      code: .deadRows, certainty: .certain, tensors: dead.map(\.name),
      evidence: shortened(
        dead.map {
          "\($0.name): \($0.zeroRows) of \($0.shape[0]) rows are zero "
            + "(\(percent(Double($0.zeroRows) / Double($0.shape[0]))))"
        }),
      nextSteps: [
        "If the source holds them, training killed these neurons: too high a learning rate, or too sparse a ternarization.",
        "If not, part of the tensor was not written: convert again.",
      ])
  }
}

extension Evidence {
  /// Whether a matrix is aligned with one that it meets in its block.
  fileprivate func alignsSomewhere(_ name: String) -> Bool {
    let parts = name.split(separator: ".")
    guard parts.count == 4, let layer = Int(parts[1]), let block = coherence.first(where: { $0.layer == layer }) else {
      return false
    }
    return block.alignments.contains { alignment in
      alignment.score > CoherenceSuspect.unrelated
        && alignment.pair.roles.contains { $0.rawValue == String(parts[2]) }
    }
  }
}
