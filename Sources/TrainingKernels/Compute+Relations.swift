import CKernels
package import Kernels

extension Compute {
  /// The sum over the rows of documents, and the mean over relation heads, of `KL(R_teacher || R_student)`, where `R = softmax(X
  /// X^T / temperature)` over the document and `X` are the head's columns, every row of length 1.
  ///
  /// - Parameters:
  ///   - documents: ranges of rows.
  ///   - gradient: by the student's rows; `weight` times the gradient is added.
  package func relationDistillation(
    student: FloatMatrix, teacher: FloatMatrix, documents: [Range<Int>], heads: Int, temperature: Float, weight: Float,
    gradient: FloatMatrix
  ) -> Double {
    precondition(
      student.columns % heads == 0 && teacher.columns % heads == 0, "\(heads) heads do not divide the states")
    let relations = documents.flatMap { document in (0..<heads).map { (document: document, head: $0) } }
    let losses = pool.map(count: relations.count) { index in
      let (document, head) = relations[index]
      let own = UnitRows(student, document, head, of: heads), other = UnitRows(teacher, document, head, of: heads)
      let (scores, expected, scoreGradient) = (
        own.relations(1 / temperature), other.relations(1 / temperature),
        FloatMatrix(rows: document.count, columns: document.count)
      )
      var loss = 0.0
      for row in 0..<document.count {
        loss += kernels.distillation(
          scores.pointer(row: row), expected.pointer(row: row), document.count, 1, weight / Float(heads),
          scoreGradient.pointer(row: row), false)
      }
      own.addGradient(scoreGradient, scale: 1 / temperature, to: gradient)
      return loss / Double(heads)
    }
    return losses.reduce(0, +)
  }
}

/// The columns of one head in the rows of a document, every row divided by its length.
private struct UnitRows {
  let rows: FloatMatrix
  private let lengths: [Float]
  private let document: Range<Int>
  private let firstColumn: Int

  init(_ states: FloatMatrix, _ document: Range<Int>, _ head: Int, of heads: Int) {
    let width = states.columns / heads
    let units = FloatMatrix(rows: document.count, columns: width)
    self.document = document
    firstColumn = head * width
    lengths = document.enumerated().map { index, row in
      let source = states.pointer(row: row) + head * width, target = units.pointer(row: index)
      var sum: Float = 0
      for column in 0..<width { sum += source[column] * source[column] }
      let length = max(sum.squareRoot(), 1e-12)
      for column in 0..<width { target[column] = source[column] / length }
      return length
    }
    rows = units
  }

  /// `X X^T * scale`.
  func relations(_ scale: Float) -> FloatMatrix {
    let result = FloatMatrix(rows: rows.rows, columns: rows.rows)
    multiplyOnThisThread(
      .plain(MatrixView(rows)), .transposed(MatrixView(rows)), scale: scale, into: MatrixView(result))
    return result
  }

  /// With `G` by `X X^T * scale`, `(G + G^T) X * scale` by the unit rows, and from there by the rows themselves.
  func addGradient(_ gradient: FloatMatrix, scale: Float, to sums: FloatMatrix) {
    let byUnits = FloatMatrix(rows: rows.rows, columns: rows.columns)
    multiplyOnThisThread(
      .plain(MatrixView(gradient)), .plain(MatrixView(rows)), scale: scale, into: MatrixView(byUnits))
    multiplyOnThisThread(
      .transposed(MatrixView(gradient)), .plain(MatrixView(rows)), scale: scale, into: MatrixView(byUnits),
      accumulating: true)
    for (index, row) in document.enumerated() {
      let unit = rows.pointer(row: index), g = byUnits.pointer(row: index)
      let target = sums.pointer(row: row) + firstColumn
      var dot: Float = 0
      for column in 0..<rows.columns { dot += unit[column] * g[column] }
      for column in 0..<rows.columns { target[column] += (g[column] - unit[column] * dot) / lengths[index] }
    }
  }
}
