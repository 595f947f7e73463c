import CKernels
package import Kernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// One step of AdamW for the rows of a matrix (Loshchilov and Hutter, arXiv 1711.05101), in 32-bit floats.
package struct AdamWUpdate {
  private let step: ck_adamw

  /// - Parameters:
  ///   - decay: how much of itself, times the rate, each weight loses.
  ///   - step: the number of this step, from 1 on.
  package init(rate: Double, decay: Double, betas: (first: Double, second: Double), epsilon: Double, step: Int) {
    self.step = ck_adamw(
      keep: Float(1 - rate * decay), rate: Float(rate / (1 - pow(betas.first, Double(step)))),
      mean_memory: Float(betas.first), mean_share: Float(1 - betas.first), square_memory: Float(betas.second),
      square_share: Float(1 - betas.second), correction: Float(1 / (1 - pow(betas.second, Double(step))).squareRoot()),
      epsilon: Float(epsilon))
  }

  /// Changes weights `[rows, columns]` and both running means of the same shape, on all threads.
  package func apply(
    values: FloatMatrix, gradient: FloatMatrix, mean: FloatMatrix, square: FloatMatrix, on compute: Compute
  ) {
    let fits = [gradient, mean, square].allSatisfy { $0.rows == values.rows && $0.columns == values.columns }
    precondition(fits, "matrices that do not fit")
    compute.forEachPiece(of: values) { start, count in
      withUnsafePointer(to: step) {
        ck_adamw_update(
          $0, values.base + start, gradient.base + start, mean.base + start, square.base + start, count)
      }
    }
  }
}
