#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Draws tokens from logits. The same seed and logits give the same tokens on every machine.
struct Sampler {
  private let sampling: Sampling
  private var random: RandomSource

  init(_ sampling: Sampling) {
    self.sampling = sampling
    random = RandomSource(seed: sampling.seed ?? .random(in: .min ... .max))
  }

  /// The next token.
  ///
  /// - Parameters:
  ///   - logits: `[vocabularySize]`.
  ///   - recent: the sequence so far, for the repetition penalty.
  mutating func next(_ logits: [Float], recent: [Int]) -> Int {
    var logits = logits
    if sampling.repetitionPenalty != 1 {
      for token in Set(recent.suffix(sampling.repetitionWindow)) where logits.indices.contains(token) {
        logits[token] =
          logits[token] > 0 ? logits[token] / sampling.repetitionPenalty : logits[token] * sampling.repetitionPenalty
      }
    }
    if sampling.temperature == 0 { return Sampler.likeliest(logits) }
    let candidates = candidates(logits)
    var remaining = random.unit() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      remaining -= candidate.weight
      if remaining < 0 { return candidate.token }
    }
    return candidates.last?.token ?? Sampler.likeliest(logits)
  }

  /// The token with the largest logit, the smallest id among equals. Ignores what is not a number.
  static func likeliest(_ logits: [Float]) -> Int {
    var best = 0
    var largest = -Float.infinity
    for (token, logit) in logits.enumerated() where logit > largest {
      best = token
      largest = logit
    }
    return best
  }

  private struct Candidate {
    let token: Int
    let logit: Float
    var weight = 0.0
  }

  /// The tokens that survive the filters, likeliest first, with weights under the temperature.
  private func candidates(_ logits: [Float]) -> [Candidate] {
    var sorted = likeliest(sampling.topK == 0 ? logits.count : sampling.topK, of: logits)
    guard let largest = sorted.first?.logit, largest > -.infinity else { return [] }
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

  /// The `limit` largest logits, largest first, the smaller id first among equals.
  private func likeliest(_ limit: Int, of logits: [Float]) -> [Candidate] {
    if limit > 256 {
      let all = logits.indices.filter { !logits[$0].isNaN }.map { Candidate(token: $0, logit: logits[$0]) }
      return Array(all.sorted { $0.logit != $1.logit ? $0.logit > $1.logit : $0.token < $1.token }.prefix(limit))
    }
    // Few are wanted of many: almost every token fails the first comparison.
    var kept: [Candidate] = []
    kept.reserveCapacity(limit + 1)
    for (token, logit) in logits.enumerated() where !logit.isNaN {
      if kept.count == limit, let last = kept.last, logit <= last.logit { continue }
      kept.insert(Candidate(token: token, logit: logit), at: kept.firstIndex { $0.logit < logit } ?? kept.count)
      if kept.count > limit { kept.removeLast() }
    }
    return kept
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same everywhere.
private struct RandomSource {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number in `0..<1`.
  mutating func unit() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    z ^= z >> 31
    return Double(z >> 11) * 0x1p-53
  }
}
