import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The tables that the report and the page have in common.
extension Diagnosis {
  /// How well the matrices of each block fit each other; `nil` if nothing is known.
  var coherenceTable: TextTable? {
    guard !coherence.isEmpty else { return nil }
    let pairs = BlockCoherence.Pair.allCases
    var table = TextTable(
      ["block"] + pairs.map(\.rawValue) + ["rotated together", "apart"],
      Array(repeating: .right, count: pairs.count + 3))
    for block in coherence {
      table.add(
        ["\(block.layer)"] + pairs.map { block.score($0).map { fixed($0, 1) } ?? "" }
          + [block.rotatedTogether, block.rotatedApart].map { $0.map { fixed($0, 2) } ?? "" })
    }
    return table
  }

  /// What goes into the linear layers.
  var activationTable: TextTable {
    var table = TextTable(
      ["block", "input of", "RMS", "largest", "largest/RMS", "lost to int8"],
      [.right, .left, .right, .right, .right, .right])
    for entry in activations {
      table.add([
        "\(entry.layer)", entry.stage, significant(entry.rms), significant(entry.maximum), fixed(entry.outlier, 1),
        "\(fixed(entry.lost * 100, 1)) %",
      ])
    }
    return table
  }
}

extension WeightStatistics {
  /// The weights as the file has them.
  static func storedTable(_ weights: [WeightStatistics]) -> TextTable {
    var table = TextTable(
      ["as stored", "type", "shape", "min", "max", "absmean", "std", "Frobenius", "values"],
      [.left, .left, .right, .right, .right, .right, .right, .right, .right])
    for tensor in weights { table.add(tensor.storedRow) }
    return table
  }

  /// The weights as trits.
  static func ternaryTable(_ weights: [WeightStatistics]) -> TextTable {
    var table = TextTable(
      ["ternary", "scale", "absmean", "Frobenius", "kept", "-1", "0", "+1"],
      [.left, .right, .right, .right, .right, .right, .right, .right])
    for tensor in weights { table.add(tensor.ternaryRow) }
    return table
  }

  private var layerName: String { name.hasSuffix(".weight") ? String(name.dropLast(7)) : name }

  private var storedRow: [String] {
    [
      layerName, storage, shapeText, fixed(Double(minimum), 3),
      fixed(Double(maximum), 3), fixed(absmean, 4), fixed(standardDeviation, 4), fixed(frobenius, 2),
      distinctValues > WeightStatistics.distinctLimit ? ">\(WeightStatistics.distinctLimit)" : "\(distinctValues)",
    ]
  }

  /// `576×1536`.
  var shapeText: String { shape.map(String.init).joined(separator: "×") }

  private var ternaryRow: [String] {
    [layerName, "±\(fixed(Double(scale), 4))", fixed(ternaryAbsmean, 4), fixed(ternaryFrobenius, 2)]
      + [frobeniusRatio, shares.minus, shares.zero, shares.plus].map { "\(fixed($0 * 100, 1)) %" }
  }
}

extension TextProbe {
  /// The loss by mode.
  var table: TextTable {
    var table = TextTable(
      ["", "nats/token", "perplexity", "without context"], [.left, .right, .right, .right])
    for loss in losses {
      table.add(
        [loss.mode.rawValue, fixed(loss.loss, 3), significant(loss.perplexity), fixed(loss.contextFreeLoss, 3)])
    }
    table.add(["knows nothing", fixed(uniformLoss, 3), significant(exp(uniformLoss)), ""])
    return table
  }
}

extension PromptBehaviour {
  /// What comes next, by mode.
  ///
  /// - Parameter isVerbose: the RMS after every block, instead of three.
  func table(isVerbose: Bool) -> TextTable {
    var table = TextTable(
      ["next token"] + modes.map(\.mode.rawValue), [.left] + modes.map { _ in .left })
    for rank in 0..<(modes.map(\.top.count).max() ?? 0) {
      table.add(
        ["\(rank + 1)"]
          + modes.map { mode in
            guard mode.top.indices.contains(rank) else { return "" }
            return "\(fixed(mode.top[rank].probability, 4))  \(quoted(mode.top[rank]))"
          })
    }
    func add(_ label: String, _ value: (ModeBehaviour) -> String) { table.add([label] + modes.map(value)) }
    add("entropy, nats") { fixed($0.entropy, 2) }
    add("P(end)") { significant($0.endProbability) }
    for (index, end) in (modes.first?.endTokens ?? []).enumerated() {
      add("  \(singleLine(end.text ?? "")) (\(end.id))") { significant($0.endTokens[index].probability) }
    }
    add("KL(none || mode), nats") { fixed($0.divergence, 3) }
    add("cosine of logits") { fixed($0.cosine, 4) }
    add("repetition") { fixed($0.repetition, 2) }
    let layers = modes.first?.hiddenRMS.count ?? 0
    let shown = isVerbose ? Set(0..<layers) : Set([0, layers / 2, layers - 1]).filter { (0..<layers).contains($0) }
    for layer in shown.sorted() {
      add("RMS after layer \(layer)") { $0.hiddenRMS.indices.contains(layer) ? significant($0.hiddenRMS[layer]) : "" }
    }
    if modes.contains(where: { $0.attentionEntropy != nil }) {
      add("attention entropy, 0 to 1") { mode in
        mode.attentionEntropy.map { fixed($0.reduce(0, +) / Double(max(1, $0.count)), 2) } ?? ""
      }
    }
    add("departs at layer") { $0.departsAtLayer.map(String.init) ?? "-" }
    return table
  }

  /// The token in quotation marks, cut where it would stretch the table.
  private func quoted(_ token: TokenProbability) -> String {
    guard let text = token.text.map(singleLine) else { return "#\(token.id)" }
    return text.unicodeScalars.count > 20 ? "\"\(text.unicodeScalars.prefix(19))…\"" : "\"\(text)\""
  }
}

extension RepairSearch {
  /// What single changes do.
  ///
  /// - Parameter isVerbose: all of them, instead of the best five.
  func table(isVerbose: Bool) -> TextTable {
    var table = TextTable(["", "nats/token", "gain"], [.left, .right, .right])
    for repair in isVerbose ? tried : Array(tried.prefix(5)) {
      table.add([repair.change, fixed(repair.after, 3), fixed(repair.gain, 3)])
    }
    return table
  }
}
