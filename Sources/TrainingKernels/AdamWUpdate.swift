import CKernels
package import Kernels

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// One step of AdamW for the rows of a matrix (Loshchilov and Hutter, arXiv 1711.05101), in 32-bit floats.
package struct AdamWUpdate: Sendable {
  private let step: ck_adamw_step

  /// - Parameter step: the number of this step, from 1 on.
  package init(rate: Double, decay: Double, betas: (first: Double, second: Double), epsilon: Double, step: Int) {
    self.step = ck_adamw_step(
      keep: Float(1 - rate * decay), memory1: Float(betas.first), share1: Float(1 - betas.first),
      memory2: Float(betas.second), share2: Float(1 - betas.second),
      correction: Float(1 / (1 - pow(betas.second, Double(step))).squareRoot()),
      rate: Float(rate / (1 - pow(betas.first, Double(step)))), epsilon: Float(epsilon))
  }

  /// Changes weights `[rows, columns]` and both memories of the same shape, on all threads.
  package func apply(
    values: FloatMatrix, gradient: FloatMatrix, mean: FloatMatrix, square: FloatMatrix, on compute: Compute
  ) {
    let fits = [gradient, mean, square].allSatisfy { $0.rows == values.rows && $0.columns == values.columns }
    precondition(fits, "matrices that do not fit")
    withUnsafePointer(to: step) { step in
      compute.forEachPiece(of: values) { start, count in
        compute.kernels.adamw(
          values.base + start, gradient.base + start, mean.base + start, square.base + start, count, step)
      }
    }
  }
}
