import CKernels

/// A matrix `[outputs, inputs]` in the encoding of the file it comes from, used in place.
package struct EncodedMatrix: Sendable {
  /// How the elements are encoded.
  package let type: TensorType
  /// The number of outputs.
  package let rows: Int
  /// The number of inputs.
  package let columns: Int
  private let bytes: SharedBytes

  /// The size of the encoded elements.
  package var byteCount: Int { bytes.count }

  /// - Precondition: `bytes` has the size that the type demands of `[rows, columns]`; readers of files check this.
  package init(type: TensorType, rows: Int, columns: Int, bytes: SharedBytes) {
    precondition(type.byteCount(rows: rows, columns: columns) == bytes.count, "size of a \(type.rawValue) matrix")
    self.type = type
    self.rows = rows
    self.columns = columns
    self.bytes = bytes
  }

  /// As ``SharedBytes/release()``.
  package func release() { bytes.release() }

  /// The first `count` rows.
  func prefix(_ count: Int) -> EncodedMatrix {
    let size = type == .i2_s ? bytes.count : bytes.count / max(1, rows) * count
    return EncodedMatrix(type: type, rows: type == .i2_s ? rows : count, columns: columns, bytes: bytes[0..<size])
  }

  /// One row as floats, `[columns]`.
  package func floats(row: Int) -> [Float] { type.dequantized(bytes, rows: row..<row + 1, columns: columns) }

  /// Decodes one row into `output`, `[columns]`.
  package func decode(row: Int, into output: UnsafeMutableBufferPointer<Float>) {
    type.dequantizeRows(bytes, rows: row..<row + 1, columns: columns, into: output)
  }
}

extension ck_kernels {
  /// A product with one row in its encoding.
  typealias RowProduct = @convention(c) (UnsafePointer<UInt8>?, Int, UnsafePointer<Float>?) -> Float

  /// The kernel for rows of a type, where there is one.
  func rowProduct(of type: TensorType) -> RowProduct? {
    switch type {
    case .f16: row_dot_f16
    case .bf16: row_dot_bf16
    case .q4_0: row_dot_q4_0
    case .q4_1: row_dot_q4_1
    case .q5_0: row_dot_q5_0
    case .q5_1: row_dot_q5_1
    case .q8_0: row_dot_q8_0
    case .q4_K: row_dot_q4_k
    case .q5_K: row_dot_q5_k
    case .q6_K: row_dot_q6_k
    default: nil
    }
  }
}

extension EncodedMatrix {
  /// Up to this many tokens it is faster to decode a row in registers for each of them than to memory for all.
  static let fewTokens = 3

  /// One row as it is stored. Not for I2_S, whose rows need not begin at a byte of their own.
  func pointer(row: Int) -> UnsafePointer<UInt8> {
    bytes.baseAddress.assumingMemoryBound(to: UInt8.self) + row * (bytes.count / rows)
  }
}

extension Compute {
  /// How many elements of some rows are infinite or not a number.
  package func nonFiniteCount(_ matrix: EncodedMatrix, rows: ArraySlice<Int>) -> Int {
    pool.map(count: rows.count) { index in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: matrix.columns) { values in
        matrix.decode(row: rows[rows.startIndex + index], into: values)
        var count = 0
        for value in values { count += value.bitPattern & 0x7F80_0000 == 0x7F80_0000 ? 1 : 0 }
        return count
      }
    }.reduce(0, +)
  }

  /// `y = W x` in floats for the first `rows` rows of `input`, `[rows, outputs]`.
  ///
  /// Few tokens are multiplied with the encoded rows, many with rows that are decoded once; the bits are the same.
  package func product(
    _ matrix: EncodedMatrix, _ input: FloatMatrix, rows: Int, into output: FloatMatrix
  ) -> Product {
    if rows <= EncodedMatrix.fewTokens, let kernel = kernels.rowProduct(of: matrix.type) {
      precondition(input.columns == matrix.columns && output.columns == matrix.rows)
      precondition(rows <= input.rows && rows <= output.rows)
      return Product(outputs: matrix.rows, unit: 16) { _, range in
        for row in range {
          let weights = matrix.pointer(row: row)
          for token in 0..<rows {
            output.pointer(row: token)[row] = kernel(weights, matrix.columns, input.pointer(row: token))
          }
        }
      }
    }
    return decodedProduct(
      outputs: matrix.rows, inputs: matrix.columns, width: matrix.columns, scale: 1, input, rows: rows, into: output
    ) { row, target in
      matrix.decode(row: row, into: UnsafeMutableBufferPointer(start: target, count: matrix.columns))
    }
  }
}
