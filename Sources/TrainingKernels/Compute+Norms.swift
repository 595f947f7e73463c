import CKernels
package import Kernels

extension Compute {
  /// RMSNorm of the first `rows` rows, whole or head by head: `x / sqrt(mean(x^2) + epsilon) * gain`.
  ///
  /// - Parameter gains: `[1, n]`, where `n` divides the columns of the input: every stretch of `n` columns is normed.
  package func normalize(
    _ input: FloatMatrix, gains: FloatMatrix, epsilon: Float, rows: Int, into output: FloatMatrix
  ) {
    let width = gains.columns
    precondition(input.columns % width == 0 && output.columns == input.columns)
    precondition(rows <= input.rows && rows <= output.rows)
    forEachRow(rows) { row in
      for first in stride(from: 0, to: input.columns, by: width) {
        kernels.rms_norm(
          input.pointer(row: row) + first, gains.base, width, epsilon, output.pointer(row: row) + first)
      }
    }
  }

  /// The gradients of ``normalize(_:gains:epsilon:rows:into:)``, added to those by its input and its gains.
  ///
  /// - Parameters:
  ///   - input: what was normed, as it was before.
  ///   - gradient: by what came out.
  package func normalizeBackward(
    _ input: FloatMatrix, gains: FloatMatrix, epsilon: Float, gradient: FloatMatrix, rows: Int,
    into inputGradient: FloatMatrix, gainGradient: FloatMatrix
  ) {
    let width = gains.columns
    precondition(input.columns % width == 0 && gradient.columns == input.columns && gainGradient.columns == width)
    precondition(inputGradient.columns == input.columns && rows <= min(input.rows, gradient.rows, inputGradient.rows))
    sumOverRows(rows, into: gainGradient) { row, sums in
      for first in stride(from: 0, to: input.columns, by: width) {
        kernels.rms_norm_backward(
          input.pointer(row: row) + first, gains.base, gradient.pointer(row: row) + first, width, epsilon,
          inputGradient.pointer(row: row) + first, sums)
      }
    }
  }

  /// Adds the sums of the columns over the first `rows` rows: the gradient of a bias.
  package func addColumnSums(of matrix: FloatMatrix, rows: Int, to sums: FloatMatrix) {
    precondition(sums.columns == matrix.columns && rows <= matrix.rows)
    sumOverRows(rows, into: sums) { row, sums in kernels.add(sums, matrix.pointer(row: row), matrix.columns) }
  }

  /// Adds to the one row of `total` what `body` adds for every row to the sums that it is given.
  ///
  /// The rows of a chunk are summed in order, and then the chunks: the bits do not depend on the threads.
  private func sumOverRows(
    _ rows: Int, into total: FloatMatrix, _ body: (_ row: Int, _ sums: UnsafeMutablePointer<Float>) -> Void
  ) {
    let chunk = 64, chunks = (rows + chunk - 1) / chunk
    let partial = FloatMatrix(rows: chunks, columns: total.columns)
    pool.forEach(count: chunks, grain: 1) { range in
      for index in range {
        for row in index * chunk..<min(index * chunk + chunk, rows) { body(row, partial.pointer(row: index)) }
      }
    }
    for index in 0..<chunks { kernels.add(total.base, partial.pointer(row: index), total.columns) }
  }
}
