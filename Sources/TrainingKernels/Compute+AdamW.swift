import CKernels
package import Kernels

/// The numbers of one step of AdamW (Loshchilov and Hutter, arXiv 1711.05101).
package struct AdamWStep: Sendable {
  /// The learning rate of this step.
  package var rate: Float
  package var beta1: Float
  package var beta2: Float
  package var epsilon: Float
  /// The weight decay, which the rate multiplies.
  package var decay: Float
  /// The number of this step, from 1 on, for the correction of the moments' bias.
  package var number: Int
  /// What the gradient is multiplied by first: 1, or less where it is clipped.
  package var gradientScale: Float

  package init(
    rate: Float, beta1: Float = 0.9, beta2: Float = 0.95, epsilon: Float = 1e-8, decay: Float = 0, number: Int,
    gradientScale: Float = 1
  ) {
    self.rate = rate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.decay = decay
    self.number = number
    self.gradientScale = gradientScale
  }
}

extension Compute {
  /// `p -= rate * m^ / (sqrt(v^) + epsilon)` after `p *= 1 - rate * decay`, with the moments updated first; all matrices of one
  /// shape.
  package func adamW(
    _ weights: FloatMatrix, gradient: FloatMatrix, first: FloatMatrix, second: FloatMatrix, _ step: AdamWStep
  ) {
    precondition([gradient, first, second].allSatisfy { $0.rows == weights.rows && $0.columns == weights.columns })
    var numbers = ck_adamw_step(
      rate: step.rate, beta1: step.beta1, beta2: step.beta2, epsilon: step.epsilon, decay: step.decay,
      correction1: Float(1 - power(Double(step.beta1), step.number)),
      correction2: Float(1 - power(Double(step.beta2), step.number)), scale: step.gradientScale)
    withUnsafePointer(to: &numbers) { numbers in
      forEachRow(weights.rows) { row in
        kernels.adamw(
          weights.pointer(row: row), gradient.pointer(row: row), first.pointer(row: row), second.pointer(row: row),
          weights.columns, numbers)
      }
    }
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0, factor = base, left = exponent
    while left > 0 {
      if left & 1 == 1 { result *= factor }
      factor *= factor
      left >>= 1
    }
    return result
  }
}
