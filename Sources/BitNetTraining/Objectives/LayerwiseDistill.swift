import BitNet
import Kernels
import TrainingKernels

/// The residual streams behind the blocks: `sum over blocks of w * d(student, teacher)`, the mean over tokens.
package final class LayerwiseDistill: Objective {
  /// The distance of two vectors of `n` features.
  package enum Distance: String, Sendable {
    /// The mean of the squared differences.
    case mse
    /// That of the vectors brought to length 1: `2 (1 - cos) / n`.
    case normalizedMSE = "mse_normalized"
    /// `1 - cos`, the inner product of the vectors brought to length 1.
    case innerProduct = "inner_product"
  }

  /// How the blocks are weighted, to a sum of 1.
  package enum LayerWeights: String, Sendable {
    case uniform
    /// By the number of the block, from 1 on.
    case progressive
    /// Each block twice the one before.
    case exponential

    /// The weights of so many blocks.
    package func values(_ count: Int) -> [Double] {
      let raw = (0..<count).map { index -> Double in
        switch self {
        case .uniform: 1
        case .progressive: Double(index + 1)
        case .exponential: Double(sign: .plus, exponent: index, significand: 1)
        }
      }
      let sum = raw.reduce(0, +)
      return raw.map { $0 / sum }
    }
  }

  package let name = "layerwise_distill"
  package let view = PassView.causal
  package let readsLogits = false
  private let teacher: Teacher
  private let distance: Distance
  private let weights: [Double]

  /// - Precondition: teacher and student have as many blocks and the same hidden size.
  package init(teacher: Teacher, distance: Distance = .normalizedMSE, layerWeights: LayerWeights = .progressive) {
    self.teacher = teacher
    self.distance = distance
    weights = layerWeights.values(teacher.model.configuration.layerCount)
    teacher.keepStreams()
  }

  package func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int {
    batch.documents.joined().reduce(0) { $0 + $1.count }
  }

  package func prepare(_ pass: TrainingPass) { teacher.run(pass) }

  package func stateLoss(
    _ pass: TrainingPass, model: TrainableModel, weight: Float, gradients: inout InnerGradients
  ) -> Double {
    let rows = pass.tokens.count
    return weights.indices.reduce(0) { total, layer in
      guard let expected = teacher.streams[layer] else { preconditionFailure("no stream of block \(layer)") }
      let student = model.stream(after: layer, rows: rows), factor = weights[layer]
      let sums = gradients.hidden(layer: layer, rows: rows, columns: student.columns)
      let losses = model.compute.pool.map(count: rows) { row in
        accumulate(
          student[row: row], expected[row: row], weight: factor * Double(weight), gradient: sums[row: row])
      }
      return total + factor * losses.reduce(0, +)
    }
  }

  /// The distance of two rows; adds `weight` times its gradient by the first.
  private func accumulate<Row: RandomAccessCollection & MutableCollection>(
    _ x: Row, _ t: Row, weight: Double, gradient: Row
  ) -> Double where Row.Element == Float, Row.Index == Int {
    var gradient = gradient
    let count = Double(x.count)
    var dot = 0.0, xx = 0.0, tt = 0.0, squares = 0.0
    for i in x.indices {
      let a = Double(x[i]), b = Double(t[i])
      dot += a * b
      xx += a * a
      tt += b * b
      squares += (a - b) * (a - b)
    }
    if distance == .mse {
      for i in x.indices { gradient[i] += Float(weight * 2 * Double(x[i] - t[i]) / count) }
      return squares / count
    }
    let norm = max(xx.squareRoot(), 1e-12), other = max(tt.squareRoot(), 1e-12)
    let cosine = dot / (norm * other), scale = distance == .normalizedMSE ? 2 / count : 1
    for i in x.indices {
      let byCosine = (Double(t[i]) / other - cosine * Double(x[i]) / norm) / norm
      gradient[i] -= Float(weight * scale * byCosine)
    }
    return scale * (1 - cosine)
  }
}
