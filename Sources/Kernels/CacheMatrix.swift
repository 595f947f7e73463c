import CKernels

/// The keys or values of one layer: a matrix in memory of its own, row-major, `[positions, features]`.
package final class CacheMatrix {
  /// How the elements are stored.
  package enum Precision: String, Sendable, CaseIterable {
    case f32
    case f16
  }

  /// The number of rows: positions.
  package let rows: Int
  /// The number of columns: features.
  package let columns: Int
  /// How the elements are stored.
  package let precision: Precision
  private let storage: ByteBuffer

  /// A matrix of zeros, `[rows, columns]`.
  package init(rows: Int, columns: Int, precision: Precision) {
    self.rows = rows
    self.columns = columns
    self.precision = precision
    storage = ByteBuffer(count: rows * columns * (precision == .f16 ? 2 : 4), usesHugePages: true)
  }

  /// Copies the first `count` rows of another matrix of the same width and precision.
  package func copyRows(_ count: Int, of other: CacheMatrix) {
    precondition(other.columns == columns && other.precision == precision && count <= rows && count <= other.rows)
    pointer(row: 0, column: 0).copyMemory(from: other.storage.baseAddress, byteCount: count * rowBytes)
  }

  /// The bytes of one row, for comparisons.
  package func bytes(row: Int) -> [UInt8] {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    return Array(storage.bytes[row * rowBytes..<(row + 1) * rowBytes])
  }

  private var elementBytes: Int { precision == .f16 ? 2 : 4 }
  private var rowBytes: Int { columns * elementBytes }

  func pointer(row: Int, column: Int) -> UnsafeMutableRawPointer {
    storage.baseAddress + row * rowBytes + column * elementBytes
  }
}

extension Compute {
  /// Stores the first `rows` rows of floats in the cache, from the row `start` on.
  package func store(_ matrix: FloatMatrix, rows: Int, in cache: CacheMatrix, at start: Int) {
    precondition(matrix.columns == cache.columns && rows <= matrix.rows && start + rows <= cache.rows, "out of bounds")
    for row in 0..<rows {
      let pointer = cache.pointer(row: start + row, column: 0)
      switch cache.precision {
      case .f16:
        kernels.to_f16(matrix.pointer(row: row), matrix.columns, pointer.assumingMemoryBound(to: UInt16.self))
      case .f32: pointer.copyMemory(from: matrix.pointer(row: row), byteCount: matrix.columns * 4)
      }
    }
  }
}
