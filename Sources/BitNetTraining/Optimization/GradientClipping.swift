package import Kernels
import TrainingKernels

/// A gradient that is no number, so that a step with it would spoil the weights.
package struct NonFiniteGradient: Error, Sendable, Hashable {
  /// The first parameter whose gradient holds an infinity or a NaN.
  package let parameter: String
}

/// Scales all gradients down together if their common norm is larger than `maximumNorm`: by
/// `maximumNorm / (norm + 1e-6)`, as PyTorch does. 0 leaves them alone.
///
/// - Returns: the norm before, summed in double precision in an order that does not depend on the threads.
/// - Throws: ``NonFiniteGradient``; nothing is changed then.
package func clipGradients(
  _ parameters: [Parameter], maximumNorm: Double, on compute: Compute
) throws(NonFiniteGradient) -> Double {
  var sum = 0.0
  for parameter in parameters {
    let square = compute.sumOfSquares(parameter.gradient)
    guard square.isFinite else { throw NonFiniteGradient(parameter: parameter.name) }
    sum += square
  }
  let norm = sum.squareRoot()
  let scale = maximumNorm / (norm + 1e-6)
  if maximumNorm > 0, scale < 1 {
    for parameter in parameters { compute.scale(parameter.gradient, by: Float(scale)) }
  }
  return norm
}
