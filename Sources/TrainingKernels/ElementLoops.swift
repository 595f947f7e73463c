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
    pool.map(count: matrix.rows) { row in squares(matrix.pointer(row: row), count: matrix.columns) }.reduce(0, +)
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

/// Eight sums side by side: one alone would wait for each addition.
private func squares(_ values: UnsafeMutablePointer<Float>, count: Int) -> Double {
  var sums = SIMD8<Double>()
  for index in 0..<(count / 8) {
    let piece = values + 8 * index
    for lane in 0..<8 {
      let value = Double(piece[lane])
      sums[lane] += value * value
    }
  }
  var sum = sums.sum()
  for index in (count / 8 * 8)..<count { sum += Double(values[index]) * Double(values[index]) }
  return sum
}
