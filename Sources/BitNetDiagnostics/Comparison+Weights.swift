import BitNet

extension Comparison {
  /// What the tensors that differ have in common.
  func weightSentences() -> [ComparisonDifference] {
    let wrong = tensors.filter(\.matters)
    guard !wrong.isEmpty, !settings.contains(where: { $0.matters && $0.kind == .shape }) else { return [] }
    var found: [ComparisonDifference] = []
    let differing = wrong.filter { $0.status == .differs || $0.status == .shape }
    if !differing.isEmpty { found.append(ComparisonDifference(code: .weights, sentence: sentence(differing))) }
    for (status, model) in [(TensorComparison.Status.missingInA, "A"), (.missingInB, "B")] {
      let missing = wrong.filter { $0.status == status }
      guard !missing.isEmpty else { continue }
      let place = differing.isEmpty ? place(of: missing) : ""
      found.append(
        ComparisonDifference(
          code: .missingTensors,
          sentence: place + "\(names(missing)) \(missing.count > 1 ? "are" : "is") missing in \(model)"))
    }
    return found
  }

  private func sentence(_ differing: [TensorComparison]) -> String {
    let linear = tensors.filter(\.isLinear), wrong = differing.filter(\.isLinear)
    if wrong.count == linear.count, wrong.count == differing.count, let common = commonPattern(wrong) {
      if case .scaled(let factor) = common { return "scales differ by \(significant(factor)) in all linear layers" }
      return "every linear layer \(common.text)"
    }
    let patterns = Set(differing.map { $0.pattern?.name ?? "" })
    if let pattern = differing.first?.pattern, patterns.count == 1 {
      let texts = Set(differing.compactMap { $0.pattern?.text })
      return place(of: differing) + "\(names(differing)) \(differing.count > 1 ? "differ, each" : "differs,") "
        + (texts.count == 1 ? pattern.text : "by a factor of its own (\(differing[0].shortName) \(pattern.text))")
    }
    // Nothing in common: unrelated weights, or several mistakes.
    if wrong.count == linear.count, wrong.allSatisfy({ $0.pattern == nil }) {
      let worst = differing.max { ($0.relative ?? .infinity) < ($1.relative ?? .infinity) }
      return "different weights: \(differing.count) of \(tensors.count) tensors differ"
        + (worst.map { ", most \($0.shortName)\($0.amount)" } ?? "")
    }
    let first = firstDiffering(differing)
    let named = first.pattern.map { ", \($0.text)" } ?? first.amount
    let more = differing.count > 1 ? "; \(differing.count - 1) more tensors differ" : ""
    return place(of: differing) + "\(first.shortName) differs" + named + more
  }

  /// The pattern that all share; factors may differ by a hundredth.
  private func commonPattern(_ tensors: [TensorComparison]) -> TensorPattern? {
    guard let first = tensors.first?.pattern else { return nil }
    let isCommon = tensors.allSatisfy { tensor in
      switch (first, tensor.pattern) {
      case (.scaled(let a), .scaled(let b)): abs(a / b - 1) < 0.01
      case (_, let other): first == other
      }
    }
    return isCommon ? first : nil
  }

  /// Where the hidden states part, if these tensors are to blame for it, else the first layer that has one of them.
  private func layer(of differing: [TensorComparison]) -> Int? {
    let layers = differing.compactMap(\.layer)
    return hidden?.partsAtLayer.flatMap { layers.contains($0) ? $0 : nil } ?? layers.min()
  }

  /// "part at layer 3: ".
  private func place(of differing: [TensorComparison]) -> String {
    layer(of: differing).map { $0 < 0 ? "part at the embedding: " : "part at layer \($0): " } ?? ""
  }

  /// In the layer where the hidden states part, the tensor that differs most; a layer may part by what came before.
  private func firstDiffering(_ differing: [TensorComparison]) -> TensorComparison {
    let layer = layer(of: differing)
    let here = differing.filter { $0.layer == layer }
    return (here.isEmpty ? differing : here).max { ($0.relative ?? .infinity) < ($1.relative ?? .infinity) }
      ?? differing[0]
  }

  /// "blk.3.attn_q", "attn_q, attn_k of all layers", or the first three.
  private func names(_ tensors: [TensorComparison]) -> String {
    let layers = Set(self.tensors.compactMap(\.layer)).filter { $0 >= 0 }
    var parts: [String] = []
    for tensor in tensors where !parts.contains(tensor.part) { parts.append(tensor.part) }
    let coversAll = parts.allSatisfy { part in
      Set(tensors.filter { $0.part == part }.compactMap(\.layer)) == layers
    }
    if coversAll, layers.count > 1 { return parts.joined(separator: ", ") + " of all layers" }
    let shown = tensors.prefix(3).map(\.shortName).joined(separator: ", ")
    return tensors.count > 3 ? shown + " and \(tensors.count - 3) more" : shown
  }
}

extension TensorComparison {
  /// " (relative difference 0.31, 12.0 % of the trits)".
  var amount: String {
    guard let relative else { return " in shape: \(shapes[0]) against \(shapes[1])" }
    let trits = differingTrits.map { ", \(fixed($0 * 100, 1)) % of the trits" } ?? ""
    return " (relative difference \(significant(relative))\(trits))"
  }
}
