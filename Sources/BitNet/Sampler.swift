import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A token and its logit.
package struct TokenLogit {
  package let token: Int
  package let logit: Float

  /// Every token of a vocabulary.
  package static func all(_ logits: [Float]) -> [TokenLogit] {
    logits.enumerated().map { TokenLogit(token: $0.offset, logit: $0.element) }
  }
}

/// Draws tokens from logits. The same seed and logits give the same tokens on every machine.
package struct Sampler {
  private let sampling: Sampling
  private let promptCount: Int
  private var random: SplitMix64

  /// - Parameter promptCount: how many tokens of the sequence were given; only those after them count as generated.
  package init(_ sampling: Sampling, promptCount: Int = 0) {
    self.sampling = sampling
    self.promptCount = promptCount
    random = SplitMix64(seed: sampling.seed ?? .random(in: .min ... .max))
  }

  /// How many of the likeliest tokens decide; `nil` when all do.
  package var neededTokens: Int? {
    guard !changesLogits else { return nil }
    if sampling.temperature == 0 { return 1 }
    // Screening for very many keeps them sorted one by one and costs more than it saves.
    return (1...256).contains(sampling.topK) ? sampling.topK : nil
  }

  /// The next token.
  ///
  /// - Parameters:
  ///   - logits: of all tokens, or of a set that contains the ``neededTokens`` likeliest; in the order of the tokens.
  ///   - recent: the sequence so far, for the penalties.
  ///   - isAllowed: whether a token may be chosen; asked with all logits only.
  package mutating func next(
    _ logits: [TokenLogit], recent: [Int], isAllowed: ((_ token: Int) -> Bool)? = nil
  ) -> Int {
    var logits = penalized(logits, recent: recent)
    if let isAllowed { logits.removeAll { !isAllowed($0.token) } }
    let candidates = candidates(logits)
    guard let likeliest = candidates.first?.token else { return logits.first?.token ?? 0 }
    if sampling.temperature == 0 { return likeliest }
    var remaining = random.unit() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      remaining -= candidate.weight
      if remaining < 0 { return candidate.token }
    }
    return candidates.last?.token ?? likeliest
  }

  private var changesLogits: Bool {
    sampling.repetitionPenalty != 1 || sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0
      || !sampling.logitBias.isEmpty
  }

  private func penalized(_ logits: [TokenLogit], recent: [Int]) -> [TokenLogit] {
    guard changesLogits else { return logits }
    let penalty = sampling.repetitionPenalty
    let window = penalty == 1 ? [] : Set(recent.suffix(sampling.repetitionWindow))
    var counts: [Int: Int] = [:]
    if sampling.frequencyPenalty != 0 || sampling.presencePenalty != 0 {
      for token in recent.dropFirst(promptCount) { counts[token, default: 0] += 1 }
    }
    return logits.map { entry in
      var logit = entry.logit + (sampling.logitBias[entry.token] ?? 0)
      if window.contains(entry.token) { logit = logit > 0 ? logit / penalty : logit * penalty }
      if let count = counts[entry.token] {
        logit -= sampling.frequencyPenalty * Float(count) + sampling.presencePenalty
      }
      return TokenLogit(token: entry.token, logit: logit)
    }
  }

  private struct Candidate {
    let token: Int
    let logit: Float
    var weight = 0.0
  }

  /// The tokens that survive the filters, likeliest first, with weights under the temperature.
  private func candidates(_ logits: [TokenLogit]) -> [Candidate] {
    let limit = sampling.temperature == 0 ? 1 : sampling.topK == 0 ? logits.count : sampling.topK
    var sorted = likeliest(limit, of: logits)
    guard sampling.temperature > 0, let largest = sorted.first?.logit else { return sorted }
    func weight(_ logit: Float) -> Double { exp(Double(logit - largest)) }
    if sampling.topP < 1 {
      let enough = Double(sampling.topP) * sorted.reduce(0) { $0 + weight($1.logit) }
      var mass = 0.0
      let count = sorted.prefix { candidate in
        defer { mass += weight(candidate.logit) }
        return mass < enough
      }.count
      sorted.removeSubrange(max(1, count)...)
    }
    sorted.removeAll { weight($0.logit) < Double(sampling.minP) }
    for i in sorted.indices {
      sorted[i].weight = exp(Double(sorted[i].logit - largest) / Double(sampling.temperature))
    }
    return sorted
  }

  /// The `limit` largest logits that are numbers above minus infinity, largest first, the smaller id first among equals.
  private func likeliest(_ limit: Int, of logits: [TokenLogit]) -> [Candidate] {
    if limit > 256 {
      let all = logits.filter { $0.logit > -.infinity }.map { Candidate(token: $0.token, logit: $0.logit) }
      return Array(all.sorted { $0.logit != $1.logit ? $0.logit > $1.logit : $0.token < $1.token }.prefix(limit))
    }
    // Few are wanted of many: almost every token fails the first comparison.
    var kept: [Candidate] = []
    kept.reserveCapacity(limit + 1)
    for entry in logits where entry.logit > -.infinity {
      if kept.count == limit, let last = kept.last, entry.logit <= last.logit { continue }
      let place = kept.firstIndex { $0.logit < entry.logit } ?? kept.count
      kept.insert(Candidate(token: entry.token, logit: entry.logit), at: place)
      if kept.count > limit { kept.removeLast() }
    }
    return kept
  }
}
