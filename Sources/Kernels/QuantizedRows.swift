import CKernels

/// Activations quantized to int8 by absmax, one scale per row (token), ready for the ternary products.
///
/// design: `s_x = max(max|x|, 1e-5) / 127`, `X = clamp(round(x / s_x), -128, 127)`, rounding half to even.
/// One quantization serves every matrix that reads the same input.
package final class QuantizedRows {
  /// The most rows that fit.
  package let capacity: Int
  /// The number of columns (inputs of the layer).
  package let columns: Int
  /// Columns padded with zeros to the block of the ternary kernels.
  let paddedColumns: Int
  let codes: UnsafeMutablePointer<Int8>
  var scales: [Float]
  var sums: [Int32]
  private let storage: ByteBuffer

  package init(capacity: Int, columns: Int) {
    self.capacity = capacity
    self.columns = columns
    paddedColumns = TernaryMatrix.paddedColumns(columns)
    storage = ByteBuffer(count: capacity * paddedColumns)
    codes = storage.baseAddress.bindMemory(to: Int8.self, capacity: capacity * paddedColumns)
    scales = Array(repeating: 0, count: capacity)
    sums = Array(repeating: 0, count: capacity)
  }

  /// The integers of one row, without the padding.
  package func integers(row: Int) -> [Int8] {
    precondition(row >= 0 && row < capacity, "row \(row) of \(capacity)")
    return Array(UnsafeBufferPointer(start: codes + row * paddedColumns, count: columns))
  }

  /// The scale `s_x` of one row.
  package func scale(row: Int) -> Float { scales[row] }
}

extension Compute {
  /// Quantizes the first `rows` rows of `input` `[rows, columns]` to int8 by absmax.
  package func quantize(_ input: FloatMatrix, rows: Int, into output: QuantizedRows) {
    precondition(rows <= output.capacity && input.columns == output.columns, "quantized buffer too small")
    for row in 0..<rows {
      var sum: Int32 = 0
      output.scales[row] = kernels.quantize(
        input.pointer(row: row), input.columns, output.codes + row * output.paddedColumns, &sum)
      output.sums[row] = sum
    }
  }
}
