package import Kernels
import TrainingKernels

/// AdamW with decoupled weight decay, which spares norms, biases and embeddings.
///
///     m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
///     p = (1 - rate decay) p - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
package final class AdamW: Optimizer {
  /// What does not change from step to step.
  package struct Options: Sendable {
    /// The peak rate, which the schedule's factor multiplies.
    package var rate: Double
    package var weightDecay: Double
    package var betas = (first: 0.9, second: 0.95)
    package var epsilon = 1e-8

    package init(rate: Double, weightDecay: Double) {
      self.rate = rate
      self.weightDecay = weightDecay
    }
  }

  private struct Entry {
    let parameter: Parameter
    let mean: FloatMatrix
    let square: FloatMatrix
  }

  package var stepCount = 0
  private let options: Options
  private let entries: [Entry]

  package init(_ parameters: [Parameter], options: Options) {
    self.options = options
    entries = parameters.map { parameter in
      let (rows, columns) = (parameter.values.rows, parameter.values.columns)
      return Entry(
        parameter: parameter, mean: FloatMatrix(rows: rows, columns: columns),
        square: FloatMatrix(rows: rows, columns: columns))
    }
  }

  /// The running means of the gradients and of their squares, `NAME.exp_avg` and `NAME.exp_avg_sq` as PyTorch calls them.
  package var state: [(name: String, matrix: FloatMatrix)] {
    entries.flatMap { entry in
      [("\(entry.parameter.name).exp_avg", entry.mean), ("\(entry.parameter.name).exp_avg_sq", entry.square)]
    }
  }

  package func step(factor: Double, decay: Double, on compute: Compute) {
    stepCount += 1
    for entry in entries {
      let weightDecay = entry.parameter.role.decays ? options.weightDecay * decay : 0
      let update = AdamWUpdate(
        rate: options.rate * factor, decay: weightDecay, betas: options.betas, epsilon: options.epsilon, step: stepCount
      )
      update.apply(
        values: entry.parameter.values, gradient: entry.parameter.gradient, mean: entry.mean, square: entry.square,
        on: compute)
    }
  }
}

extension Parameter.Role {
  /// Whether weight decay applies: only to what multiplies activations.
  var decays: Bool {
    switch self {
    case .bitLinear, .linear, .head: true
    case .embedding, .norm, .bias: false
    }
  }
}
