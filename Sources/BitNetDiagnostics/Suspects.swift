import BitNet
import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A matrix whose scale is not that of the same matrix in the neighbouring blocks.
public struct ScaleSuspect: Sendable, Codable {
  /// The canonical name.
  public var name: String
  /// The scale: the matrix's own if it is ternary, else its absmean.
  public var scale: Double
  /// The median of the neighbours'.
  public var expected: Double
  /// ln(scale / expected) over the usual spread of this matrix over the blocks.
  public var deviation: Double

  /// How many times too large it is.
  public var factor: Double { scale / expected }
}

extension ScaleSuspect {
  /// No more are looked at.
  private static let limit = 10
  /// Scales that differ by less are not suspected.
  private static let least = log(1.4)
  /// Suspects are this many spreads away from their neighbours, or more than a factor of four.
  private static let leastDeviation = 2.5
  private static let beyondTraining = log(4.0)
  /// Below this spread the scales of one matrix over the blocks are taken to be equal.
  private static let leastSpread = 0.08

  /// For each of the seven matrices, its scale in a block against the median of those in up to two blocks on either side.
  static func find(_ weights: [WeightStatistics]) -> [ScaleSuspect] {
    var suspects: [ScaleSuspect] = []
    for role in LinearRole.allCases {
      let own = weights.filter { $0.name.hasSuffix(".\(role.rawValue).weight") && $0.scale > 0 && $0.nonFinite == 0 }
      let logs = own.map { log(Double($0.scale)) }
      guard own.count >= 2 else { continue }
      let residuals = own.indices.map { index in
        let near = own.indices.filter { $0 != index && abs($0 - index) <= 2 }
        return logs[index] - median(near.map { logs[$0] })
      }
      let spread = max(leastSpread, 1.48 * median(residuals.map(abs)))
      for index in own.indices where abs(residuals[index]) >= least {
        // With two blocks neither can be told from the other, unless the ratio is one that no training makes.
        guard abs(residuals[index]) / spread >= leastDeviation || abs(residuals[index]) >= beyondTraining else {
          continue
        }
        suspects.append(
          ScaleSuspect(
            name: own[index].name, scale: Double(own[index].scale),
            expected: exp(logs[index] - residuals[index]), deviation: residuals[index] / spread))
      }
    }
    return Array(suspects.sorted { abs($0.deviation) > abs($1.deviation) }.prefix(limit))
  }
}

/// The middle of some numbers, the mean of the two middle ones if there are two; 0 for none.
func median(_ values: [Double]) -> Double {
  guard !values.isEmpty else { return 0 }
  let sorted = values.sorted(), middle = sorted.count / 2
  return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}

/// A matrix that fits none of those that it meets in its block.
public struct CoherenceSuspect: Sendable, Codable {
  /// The canonical names of the matrices among which the wrong one is, the likeliest first.
  public var names: [String]
  /// The block.
  public var layer: Int
  /// The pairs that are not aligned, with their scores, and the median score of the same pairs in other blocks.
  public var pairs: [String]
}

extension CoherenceSuspect {
  /// Matrices that have nothing to do with each other stay below this score; it is high because trained rows share a few
  /// strong directions whatever their order (shuffled matrices of SmolLM2 reach 8).
  static let unrelated = 10.0
  /// A pair whose median score over the other blocks is below this says nothing about a single block.
  static let related = 30.0

  /// Pairs that are aligned in other blocks and not in this one, and what explains them.
  static func find(_ blocks: [BlockCoherence]) -> [CoherenceSuspect] {
    var broken: [Int: [BlockCoherence.Pair]] = [:]
    /// The median score of a pair over the other blocks.
    var usual: [Int: [BlockCoherence.Pair: Double]] = [:]
    for pair in BlockCoherence.Pair.allCases {
      let scores = blocks.compactMap { block in block.score(pair).map { (block.layer, $0) } }
      for (layer, score) in scores {
        let others = scores.filter { $0.0 != layer }.map(\.1)
        let expected = median(others)
        usual[layer, default: [:]][pair] = expected
        guard !others.isEmpty, expected >= related, score < unrelated else { continue }
        broken[layer, default: []].append(pair)
      }
    }
    return broken.sorted { $0.key < $1.key }.compactMap { layer, pairs in
      guard let block = blocks.first(where: { $0.layer == layer }) else { return nil }
      return CoherenceSuspect(
        block, broken: pairs, usual: usual[layer] ?? [:], isEdge: layer == 0 || layer == blocks.count - 1)
    }
  }

  private init?(
    _ block: BlockCoherence, broken: [BlockCoherence.Pair], usual: [BlockCoherence.Pair: Double], isEdge: Bool
  ) {
    /// Pairs that could tell: aligned in the other blocks.
    func telling(_ role: LinearRole) -> [BlockCoherence.Pair] {
      BlockCoherence.Pair.allCases.filter { $0.roles.contains(role) && (usual[$0] ?? 0) >= CoherenceSuspect.related }
    }
    // A matrix is explained when every telling pair of it is broken.
    let roles = LinearRole.allCases.filter { role in
      let pairs = telling(role)
      // First and last blocks are peculiar: values and outputs of intact ones need not be aligned there.
      return !pairs.isEmpty && pairs.allSatisfy(broken.contains) && !(isEdge && pairs == [.valueOutput])
    }
    guard !roles.isEmpty else { return nil }
    let most = roles.map { telling($0).count }.max() ?? 0
    let likeliest = roles.filter { telling($0).count == most }
    names = likeliest.map { "blk.\(block.layer).\($0.rawValue).weight" }
    layer = block.layer
    pairs = broken.map { pair in
      "\(pair.roles.map(\.rawValue).joined(separator: " and ")): alignment \(significant(block.score(pair) ?? 0)), "
        + "in the other blocks \(significant(usual[pair] ?? 0))"
    }
  }
}

extension BlockCoherence {
  /// Blocks whose queries and keys look as if they were in the other rotary order, while the other blocks' do not.
  static func rotarySuspects(_ blocks: [BlockCoherence]) -> [Int] {
    let leads = blocks.compactMap { block -> (Int, Double)? in
      guard let together = block.rotatedTogether, let apart = block.rotatedApart else { return nil }
      return (block.layer, together - apart)
    }
    let usual = median(leads.map(\.1))
    // Correlations below 0.3 decide nothing.
    guard usual > 0.3 else { return [] }
    // Neighbouring frequencies are alike, too, so that the lead goes and need not turn round; the predictions decide.
    return leads.filter { $0.1 < usual / 4 }.map(\.0)
  }
}
