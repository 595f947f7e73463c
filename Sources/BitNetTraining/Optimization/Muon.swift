package import Kernels
import TrainingKernels

/// Muon (Keller Jordan; `torch.optim.Muon`) for the matrices of the blocks, AdamW for all other parameters.
///
///     m = mu m + (1 - mu) g;  u = (1 - mu) g + mu m;  O = orthogonalized u
///     W = (1 - rate decay) W - rate adjustment O
package final class Muon: Optimizer {
  /// What does not change from step to step.
  package struct Options: Sendable {
    /// The peak rate, which the schedule's factor multiplies.
    package var rate: Double
    package var weightDecay: Double
    package var momentum = 0.95
    package var adjustment = TrainingConfiguration.Optimizer.Adjustment.original

    package init(rate: Double, weightDecay: Double) {
      self.rate = rate
      self.weightDecay = weightDecay
    }
  }

  private struct Entry {
    let parameter: Parameter
    let momentum: FloatMatrix
    let orthogonalization: Orthogonalization
  }

  private let options: Options
  private let entries: [Entry]
  private let rest: AdamW

  package init(_ parameters: [Parameter], options: Options, rest: AdamW.Options) {
    self.options = options
    // Matrices of one shape take turns in the same memory.
    var spaces: [[Int]: Orthogonalization] = [:]
    entries = parameters.filter(\.role.isOrthogonalized).map { parameter in
      let (rows, columns) = (parameter.values.rows, parameter.values.columns)
      let space = spaces[[rows, columns]] ?? Orthogonalization(rows: rows, columns: columns)
      spaces[[rows, columns]] = space
      return Entry(
        parameter: parameter, momentum: FloatMatrix(rows: rows, columns: columns), orthogonalization: space)
    }
    self.rest = AdamW(parameters.filter { !$0.role.isOrthogonalized }, options: rest)
  }

  package var stepCount: Int {
    get { rest.stepCount }
    set { rest.stepCount = newValue }
  }

  /// The momentum, `NAME.momentum_buffer` as PyTorch calls it, then AdamW's state.
  package var state: [(name: String, matrix: FloatMatrix)] {
    entries.map { ("\($0.parameter.name).momentum_buffer", $0.momentum) } + rest.state
  }

  package func step(factor: Double, decay: Double, on compute: Compute) {
    let rate = options.rate * factor
    let (mu, share) = (Float(options.momentum), Float(1 - options.momentum))
    for entry in entries {
      let (values, gradient) = (entry.parameter.values, entry.parameter.gradient)
      compute.combine(mu, entry.momentum, share, gradient, into: entry.momentum)
      compute.combine(share, gradient, mu, entry.momentum, into: entry.orthogonalization.matrix)
      let direction = entry.orthogonalization.run(on: compute)
      let keep = 1 - rate * options.weightDecay * decay
      let length = rate * options.adjustment.factor(rows: values.rows, columns: values.columns)
      compute.combine(Float(keep), values, Float(-length), direction, into: values)
    }
    rest.step(factor: factor, decay: decay, on: compute)
  }
}

extension TrainingConfiguration.Optimizer.Adjustment {
  func factor(rows: Int, columns: Int) -> Double {
    switch self {
    case .original: max(1, Double(rows) / Double(columns)).squareRoot()
    case .matchRMSAdamW: 0.2 * Double(max(rows, columns)).squareRoot()
    }
  }
}

extension Parameter.Role {
  /// Whether Muon changes it: matrices that map activations to activations.
  var isOrthogonalized: Bool {
    switch self {
    case .bitLinear, .linear: true
    case .embedding, .head, .norm, .bias: false
    }
  }
}
