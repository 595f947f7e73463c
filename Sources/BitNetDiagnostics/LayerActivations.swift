import BitNet

/// What goes into the linear layers of one block over a text, and what int8 makes of it.
public struct LayerActivations: Sendable, Codable {
  /// The block.
  public var layer: Int
  /// Where in the block: the input of `attention` (q, k, v), of the output matrix (`attended`), of gate and up
  /// (`feedForward`), of down (`gated`), or gate times up before a sub-norm (`product`).
  public var stage: String
  /// The root mean square over all tokens.
  public var rms: Double
  /// The largest magnitude.
  public var maximum: Double
  /// The largest magnitude of a token over the root mean square of that token, the mean over tokens: 3 to 5 for a
  /// Gaussian, above 30 where single channels take up the int8 range.
  public var outlier: Double
  /// The share of numbers that int8 turns into zero although they are none, 0 to 1.
  public var lost: Double
}

extension LayerActivations {
  private static let stages = ForwardStage.allCases.filter { ![.queries, .keys].contains($0) }

  /// Runs a text and looks at the inputs of all linear layers.
  ///
  /// - Throws: `ModelError`, `CancellationError`.
  static func measure(_ model: Model, tokens: [Int], isCancelled: () -> Bool) throws -> [LayerActivations] {
    struct Sums {
      var square = 0.0, count = 0.0, maximum = 0.0, outlier = 0.0, rows = 0.0, lost = 0.0
    }
    let layers = model.configuration.layerCount, stages = LayerActivations.stages
    var sums = Array(repeating: Array(repeating: Sums(), count: stages.count), count: layers)
    let text = Array(tokens.prefix(min(TextProbe.limit, model.contextLength)))
    try model.makeSession().evaluate(
      text, isCancelled: isCancelled,
      inspect: { layer, stage, values in
        guard let index = stages.firstIndex(of: stage), sums.indices.contains(layer) else { return }
        var square = 0.0, maximum: Float = 0
        for value in values where value.isFinite {
          square += Double(value) * Double(value)
          maximum = max(maximum, abs(value))
        }
        let border = maximum / 254
        let lost = values.count { abs($0) < border && $0 != 0 }
        let rms = (square / Double(max(1, values.count))).squareRoot()
        sums[layer][index].square += square
        sums[layer][index].count += Double(values.count)
        sums[layer][index].maximum = max(sums[layer][index].maximum, Double(maximum))
        sums[layer][index].outlier += rms > 0 ? Double(maximum) / rms : 0
        sums[layer][index].rows += 1
        sums[layer][index].lost += Double(lost)
      })
    return (0..<layers).flatMap { layer in
      stages.indices.map { index in
        let sum = sums[layer][index]
        return LayerActivations(
          layer: layer, stage: stages[index].rawValue, rms: (sum.square / max(1, sum.count)).squareRoot(),
          maximum: sum.maximum, outlier: sum.outlier / max(1, sum.rows), lost: sum.lost / max(1, sum.count))
      }
    }
  }
}
