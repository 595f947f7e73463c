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

extension Compute {
  /// `y = W x` in floats for the first `rows` rows of `input`, `[rows, outputs]`; every weight row is decoded once.
  package func multiply(_ matrix: EncodedMatrix, _ input: FloatMatrix, rows: Int, into output: FloatMatrix) {
    multiplyDecoded(
      outputs: matrix.rows, inputs: matrix.columns, scratch: matrix.columns, scale: 1, input, rows: rows, into: output
    ) { row, scratch in
      matrix.decode(row: row, into: UnsafeMutableBufferPointer(start: scratch, count: matrix.columns))
    }
  }
}
