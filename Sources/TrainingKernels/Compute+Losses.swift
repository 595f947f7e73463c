import CKernels
package import Kernels

extension Compute {
  /// Cross-entropy of rows of logits: the sum over the rows of `(1 - s) * -log p[target] + s * mean(-log p)`.
  ///
  /// - Parameters:
  ///   - targets: the right token of each of the first rows; `nil` for rows that do not count.
  ///   - gradient: gets `weight` times the gradient by the logits; `accumulating` adds it.
  package func crossEntropy(
    _ logits: FloatMatrix, targets: [Int?], smoothing: Float, weight: Float, gradient: FloatMatrix?,
    accumulating: Bool = false
  ) -> Double {
    precondition(targets.count <= logits.rows && targets.allSatisfy { (0..<logits.columns).contains($0 ?? 0) })
    return sumOfRows(targets.count) { row in
      guard let target = targets[row] else {
        if !accumulating { gradient?.pointer(row: row).update(repeating: 0, count: logits.columns) }
        return 0
      }
      return kernels.cross_entropy(
        logits.pointer(row: row), logits.columns, target, smoothing, weight, gradient?.pointer(row: row),
        accumulating)
    }
  }

  /// The sum over the first `rows` rows of `T^2 KL(softmax(teacher / T) || softmax(student / T))`.
  ///
  /// - Parameter gradient: as for ``crossEntropy(_:targets:smoothing:weight:gradient:accumulating:)``, but not `student` itself.
  package func distillation(
    student: FloatMatrix, teacher: FloatMatrix, rows: Int, temperature: Float, weight: Float, gradient: FloatMatrix?,
    accumulating: Bool = false
  ) -> Double {
    precondition(student.columns == teacher.columns && rows <= min(student.rows, teacher.rows))
    return sumOfRows(rows) { row in
      kernels.distillation(
        student.pointer(row: row), teacher.pointer(row: row), student.columns, temperature, weight,
        gradient?.pointer(row: row), accumulating)
    }
  }

  /// Added in the order of the rows, whichever thread computed them.
  private func sumOfRows(_ rows: Int, _ body: (Int) -> Double) -> Double {
    pool.map(count: rows, body).reduce(0, +)
  }
}
