/// A matrix of 32-bit floats in memory of its own, row-major, every row beginning on a cache line.
///
/// A reference type on purpose: the buffers of a forward pass are allocated once and written again for every token.
/// It is not `Sendable`; whoever owns it (a session) is used by one thread at a time, and only the kernels of this
/// module share its rows among the threads of the pool.
package final class FloatMatrix {
  /// The number of rows: tokens, for activations.
  package let rows: Int
  /// The number of columns: features, for activations.
  package let columns: Int
  /// The distance between rows, in floats.
  package let stride: Int
  package let base: UnsafeMutablePointer<Float>
  private let storage: ByteBuffer

  /// A matrix of zeros, `[rows, columns]`.
  package init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    stride = (columns + 15) / 16 * 16
    storage = ByteBuffer(count: rows * stride * MemoryLayout<Float>.stride)
    base = storage.baseAddress.bindMemory(to: Float.self, capacity: rows * stride)
  }

  /// One row, `[columns]`, to read and write.
  package subscript(row row: Int) -> UnsafeMutableBufferPointer<Float> {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    return UnsafeMutableBufferPointer(start: base + row * stride, count: columns)
  }

  /// A copy of one row.
  package func copy(row: Int) -> [Float] { Array(self[row: row]) }

  package func pointer(row: Int) -> UnsafeMutablePointer<Float> { base + row * stride }
}

/// A vector of 32-bit floats that never changes: the gains of a norm, a bias.
package struct FloatVector: Sendable {
  package let count: Int
  private let bytes: SharedBytes

  package init(_ values: [Float]) {
    count = values.count
    let buffer = ByteBuffer(count: values.count * MemoryLayout<Float>.stride)
    values.withUnsafeBytes { buffer.bytes.copyMemory(from: $0) }
    bytes = SharedBytes(buffer)
  }

  package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  package var pointer: UnsafePointer<Float> { bytes.baseAddress.assumingMemoryBound(to: Float.self) }
}

extension FloatMatrix {
  /// Overwrites the row `target` with a row of another matrix of the same width.
  package func copyRow(_ source: Int, of other: FloatMatrix, to target: Int) {
    precondition(other.columns == columns && source < other.rows && target < rows, "row copy out of bounds")
    pointer(row: target).update(from: other.pointer(row: source), count: columns)
  }
}

extension SharedBytes {
  /// A copy of the elements of a matrix, row after row without padding.
  package init(copying matrix: FloatMatrix) {
    let buffer = ByteBuffer(count: matrix.rows * matrix.columns * MemoryLayout<Float>.stride)
    let target = buffer.baseAddress.assumingMemoryBound(to: Float.self)
    for row in 0..<matrix.rows {
      (target + row * matrix.columns).update(from: matrix.pointer(row: row), count: matrix.columns)
    }
    self.init(buffer)
  }
}
