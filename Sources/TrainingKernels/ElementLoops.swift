import CKernels
package import Kernels

extension Compute {
  /// Calls `body` with pieces that cover a matrix's floats, the padding of its rows included, on all threads.
  ///
  /// For loops in which every float is on its own: what lies in the padding is never read as a value.
  func forEachPiece(of matrix: FloatMatrix, _ body: (_ start: Int, _ count: Int) -> Void) {
    pool.forEach(count: matrix.rows * matrix.stride, grain: 1 << 15) { body($0.lowerBound, $0.count) }
  }

  /// The sum of the squares of all values, in double precision: each row for itself, then row after row, whatever the
  /// number of threads.
  package func sumOfSquares(_ matrix: FloatMatrix) -> Double {
    pool.map(count: matrix.rows) { kernels.square_sum(matrix.pointer(row: $0), matrix.columns) }.reduce(0, +)
  }

  /// Multiplies every value.
  package func scale(_ matrix: FloatMatrix, by factor: Float) {
    forEachPiece(of: matrix) { start, count in
      let values = matrix.base + start
      for index in 0..<count { values[index] *= factor }
    }
  }

  /// `target = a * x + b * y`, value by value; `target` may be `x` or `y`.
  package func combine(_ a: Float, _ x: FloatMatrix, _ b: Float, _ y: FloatMatrix, into target: FloatMatrix) {
    let fits = [x, y].allSatisfy { $0.rows == target.rows && $0.columns == target.columns }
    precondition(fits, "matrices that do not fit")
    forEachPiece(of: target) { start, count in
      let (x, y, target) = (x.base + start, y.base + start, target.base + start)
      for index in 0..<count { target[index] = a * x[index] + b * y[index] }
    }
  }
}
