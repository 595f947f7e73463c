package import Kernels

/// A part of a matrix of floats that somebody else owns: some rows, and some of their columns.
///
/// What the products of training take: a head of the queries is a view of their columns.
package struct MatrixView {
  /// The number of rows.
  package let rows: Int
  /// The number of columns.
  package let columns: Int
  /// The distance between rows, in floats.
  let stride: Int
  let base: UnsafeMutablePointer<Float>

  /// Views rows and columns of a matrix, which must outlive the view; all of them where none are named.
  package init(_ matrix: FloatMatrix, rows: Range<Int>? = nil, columns: Range<Int>? = nil) {
    let rows = rows ?? 0..<matrix.rows
    let columns = columns ?? 0..<matrix.columns
    precondition(rows.lowerBound >= 0 && rows.upperBound <= matrix.rows, "rows \(rows) of \(matrix.rows)")
    precondition(columns.lowerBound >= 0 && columns.upperBound <= matrix.columns, "columns \(columns)")
    self.rows = rows.count
    self.columns = columns.count
    stride = matrix.stride
    base = matrix.base + rows.lowerBound * matrix.stride + columns.lowerBound
  }
}

extension MatrixView {
  private init(rows: Int, columns: Int, stride: Int, base: UnsafeMutablePointer<Float>) {
    self.rows = rows
    self.columns = columns
    self.stride = stride
    self.base = base
  }

  /// Some of the rows.
  package func rows(_ range: Range<Int>) -> MatrixView {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return MatrixView(rows: range.count, columns: columns, stride: stride, base: base + range.lowerBound * stride)
  }

  /// Some of the columns.
  package func columns(_ range: Range<Int>) -> MatrixView {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return MatrixView(rows: rows, columns: range.count, stride: stride, base: base + range.lowerBound)
  }
}
