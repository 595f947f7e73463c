import BitNet

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How widely the attention of each block spreads: its entropy as a share of the largest possible one.
struct AttentionEntropy {
  /// Tokens beyond these are not looked at.
  private static let limit = 128

  private struct Layer {
    var queries: [[Float]] = []
    var keys: [[Float]] = []
    var sum = 0.0
    var count = 0
  }

  private let configuration: ModelConfiguration
  private var layers: [Layer]

  init(_ configuration: ModelConfiguration) {
    self.configuration = configuration
    layers = Array(repeating: Layer(), count: configuration.layerCount)
  }

  /// By block, the mean over heads and tokens: 0 for one token that gets everything, 1 for all getting the same; `nil` for a
  /// prompt of one token.
  var shares: [Double]? {
    guard let first = layers.first, first.count > 0 else { return nil }
    return layers.map { $0.sum / Double(max(1, $0.count)) }
  }

  /// Takes what a forward pass shows, token by token.
  mutating func see(_ layer: Int, _ stage: ForwardStage, _ values: [Float]) {
    guard layers.indices.contains(layer) else { return }
    switch stage {
    case .queries where layers[layer].queries.count < AttentionEntropy.limit: layers[layer].queries.append(values)
    case .keys where layers[layer].keys.count < AttentionEntropy.limit:
      // A pass shows the queries of its tokens first.
      layers[layer].keys.append(values)
      let position = layers[layer].keys.count - 1
      guard position > 0 else { return }
      for head in 0..<configuration.heads {
        let share = entropy(layers[layer].queries[position], head: head, keys: layers[layer].keys)
        guard share.isFinite else { continue }
        layers[layer].sum += share
        layers[layer].count += 1
      }
      layers[layer].queries[position] = []
    default: break
    }
  }

  private func entropy(_ query: [Float], head: Int, keys: [[Float]]) -> Double {
    let size = configuration.headSize, scale = 1 / Float(size).squareRoot()
    let own = query[head * size..<(head + 1) * size]
    let start = head / (configuration.heads / configuration.kvHeads) * size
    let scores = keys.map { key in
      Double(zip(own, key[start..<start + size]).reduce(0) { $0 + $1.0 * $1.1 } * scale)
    }
    let largest = scores.max() ?? 0
    let weights = scores.map { exp($0 - largest) }
    let total = weights.reduce(0, +)
    // H = ln(total) - sum(w s) / total, for weights w = exp(s).
    let mean = zip(weights, scores).reduce(0) { $0 + $1.0 * ($1.1 - largest) } / total
    return (log(total) - mean) / log(Double(keys.count))
  }
}
