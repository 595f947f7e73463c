/// Rows in another order than the graph takes them in.
extension Rules {
  static let orderRules: [Rule] = [rotaryOrder, packingOrder]

  private static let rotarySteps = [
    "GGUF files of architecture llama have the rows of q and k permuted, those of bitnet and qwen have not: convert "
      + "again with the right label.",
    "`bitnet compare SOURCE MODEL` names the matrices that are permuted.",
  ]

  private static let rotaryOrder = Rule(
    .rotaryOrder, "Rows that are rotated together have like norms; the other order mends what it breaks."
  ) { evidence in
    let helped = evidence.repairs?.accepted.filter { $0.code == .rotaryOrder } ?? []
    guard !helped.isEmpty else { return nil }
    let leads = evidence.coherence.compactMap { block in
      block.rotatedTogether.flatMap { together in block.rotatedApart.map { (together, $0) } }
    }
    let mean = (
      leads.reduce(0) { $0 + $1.0 } / Double(max(1, leads.count)),
      leads.reduce(0) { $0 + $1.1 } / Double(max(1, leads.count))
    )
    return Finding(
      code: .rotaryOrder, certainty: .certain, tensors: helped.flatMap(\.tensors),
      evidence: helped.map(repairSentence) + [
        "log norms of rows that are rotated together correlate by \(fixed(mean.0, 2)) on average, in the other order by "
          + "\(fixed(mean.1, 2))"
      ],
      nextSteps: rotarySteps)
  }

  /// In all blocks together a lower score tells as much as a high one in a single block.
  private static let alignedEverywhere = 10.0

  private static let packingOrder = Rule(
    .packingOrder, "A row order that is wrong in every matrix breaks what meets in every block, in the same pairs."
  ) { evidence in
    let steps = [
      "The two-bit lanes of a packed byte are four quarters of the rows, not four neighbouring rows: unpack again.",
      "`bitnet compare SOURCE MODEL` names the matrices.",
    ]
    if let helped = evidence.repairs?.accepted.first(where: { $0.code == .packingOrder }) {
      return Finding(code: .packingOrder, certainty: .certain, evidence: [repairSentence(helped)], nextSteps: steps)
    }
    func share(_ pair: BlockCoherence.Pair, _ holds: (Double) -> Bool) -> Bool {
      let scores = evidence.coherence.compactMap { $0.score(pair) }
      return !scores.isEmpty && scores.count { holds($0) } * 5 >= scores.count * 4
    }
    let isAligned = share(.gateUp) { $0 >= alignedEverywhere }
    guard isAligned, share(.queryKey, { $0 < 5 }) else { return nil }
    return Finding(
      code: .packingOrder, certainty: .likely,
      evidence: [
        "gate and up are aligned in every block, queries and keys in none: each matrix has its rows in an order of its own"
      ],
      nextSteps: steps)
  }
}
