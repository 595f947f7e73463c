package import Kernels
import TrainingKernels

/// Brings the singular values of a matrix near 1 by five Newton-Schulz iterations of the fifth degree, as Muon wants it.
///
///     X = u / max(|u|, 1e-7);  five times: A = X X^T;  X = 3.4445 X + (-4.7750 A + 2.0315 A^2) X
///
/// The coefficients (Keller Jordan) trade convergence for speed: singular values end between about 0.68 and 1.13.
package final class Orthogonalization {
  /// What is to be orthogonalized, `[rows, columns]`: written before ``run(on:)``, which overwrites it.
  package let matrix: FloatMatrix
  private let other: FloatMatrix
  /// The product of the shorter sides, and the polynomial of it.
  private let square: FloatMatrix
  private let polynomial: FloatMatrix

  package init(rows: Int, columns: Int) {
    matrix = FloatMatrix(rows: rows, columns: columns)
    other = FloatMatrix(rows: rows, columns: columns)
    let side = min(rows, columns)
    square = FloatMatrix(rows: side, columns: side)
    polynomial = FloatMatrix(rows: side, columns: side)
  }

  /// The orthogonalized matrix, which stays as it is until the next run.
  package func run(on compute: Compute) -> FloatMatrix {
    let norm = compute.sumOfSquares(matrix).squareRoot()
    compute.scale(matrix, by: Float(1 / max(norm, 1e-7)))
    var (x, next) = (matrix, other)
    for _ in 0..<5 {
      improve(x, into: next, on: compute)
      swap(&x, &next)
    }
    return x
  }

  private func improve(_ x: FloatMatrix, into next: FloatMatrix, on compute: Compute) {
    let view = MatrixView(x)
    let isWide = x.rows <= x.columns
    compute.multiply(
      isWide ? .plain(view) : .transposed(view), isWide ? .transposed(view) : .plain(view), into: MatrixView(square))
    compute.combine(-4.7750, square, 0, square, into: polynomial)
    let (a, b) = (Factor.plain(MatrixView(square)), Factor.plain(MatrixView(polynomial)))
    compute.multiply(a, a, scale: 2.0315, into: MatrixView(polynomial), accumulating: true)
    compute.combine(3.4445, x, 0, x, into: next)
    // A tall matrix is the transpose of a wide one: the polynomial, being symmetric, goes to its other side.
    compute.multiply(
      isWide ? b : .plain(view), isWide ? .plain(view) : b, into: MatrixView(next), accumulating: true)
  }
}
