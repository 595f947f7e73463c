package import Kernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// One step of AdamW for the rows of a matrix (Loshchilov and Hutter, arXiv 1711.05101), in 32-bit floats.
package struct AdamWUpdate: Sendable {
  /// What the weights are multiplied by: 1 - rate * decay.
  let keep: Float
  let firstMemory: Float
  let firstShare: Float
  let secondMemory: Float
  let secondShare: Float
  /// 1 / sqrt(1 - beta2^t).
  let secondCorrection: Float
  /// rate / (1 - beta1^t).
  let rate: Float
  let epsilon: Float

  /// - Parameter step: the number of this step, from 1 on.
  package init(rate: Double, decay: Double, betas: (first: Double, second: Double), epsilon: Double, step: Int) {
    keep = Float(1 - rate * decay)
    firstMemory = Float(betas.first)
    firstShare = Float(1 - betas.first)
    secondMemory = Float(betas.second)
    secondShare = Float(1 - betas.second)
    secondCorrection = Float(1 / (1 - pow(betas.second, Double(step))).squareRoot())
    self.rate = Float(rate / (1 - pow(betas.first, Double(step))))
    self.epsilon = Float(epsilon)
  }

  /// Changes weights `[rows, columns]` and both memories of the same shape, on all threads.
  package func apply(
    values: FloatMatrix, gradient: FloatMatrix, mean: FloatMatrix, square: FloatMatrix, on compute: Compute
  ) {
    let fits = [gradient, mean, square].allSatisfy { $0.rows == values.rows && $0.columns == values.columns }
    precondition(fits, "matrices that do not fit")
    compute.forEachPiece(of: values) { start, count in
      update(
        values.base + start, gradient.base + start, mean.base + start, square.base + start, count: count)
    }
  }

  /// Plain loads and stores, which the compiler turns into vectors: the step is bound by memory.
  @inline(never)
  private func update(
    _ values: UnsafeMutablePointer<Float>, _ gradient: UnsafeMutablePointer<Float>, _ mean: UnsafeMutablePointer<Float>,
    _ square: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count {
      let slope = gradient[index]
      let first = firstMemory * mean[index] + firstShare * slope
      let second = secondMemory * square[index] + secondShare * (slope * slope)
      mean[index] = first
      square[index] = second
      values[index] = keep * values[index] - rate * first / (second.squareRoot() * secondCorrection + epsilon)
    }
  }
}
