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
  /// Bytes from one row to the next: the columns padded with zeros to the blocks of every ternary layout.
  let stride: Int
  let codes: UnsafeMutablePointer<Int8>
  let scales: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Int32>
  private let storage: [ByteBuffer]

  package init(capacity: Int, columns: Int) {
    self.capacity = capacity
    self.columns = columns
    stride = TernaryMatrix.paddedColumns(columns) + 64
    storage = [capacity * stride, capacity * 4, capacity * 4].map { ByteBuffer(count: $0) }
    codes = storage[0].baseAddress.bindMemory(to: Int8.self, capacity: capacity * stride)
    scales = storage[1].baseAddress.bindMemory(to: Float.self, capacity: capacity)
    sums = storage[2].baseAddress.bindMemory(to: Int32.self, capacity: capacity)
  }

  /// The integers of one row, without the padding.
  package func integers(row: Int) -> [Int8] {
    precondition(row >= 0 && row < capacity, "row \(row) of \(capacity)")
    return Array(UnsafeBufferPointer(start: codes + row * stride, count: columns))
  }

  /// The scale `s_x` of one row.
  package func scale(row: Int) -> Float {
    precondition(row >= 0 && row < capacity, "row \(row) of \(capacity)")
    return scales[row]
  }

  /// Some rows, as the kernels take them.
  func activations(_ rows: Range<Int>) -> ck_activations {
    ck_activations(
      codes: codes + rows.lowerBound * stride, stride: stride, tokens: rows.count,
      scales: scales + rows.lowerBound, sums: sums + rows.lowerBound)
  }
}

extension Compute {
  /// Quantizes the first `rows` rows of `input` `[rows, columns]` to int8 by absmax.
  package func quantize(_ input: FloatMatrix, rows: Int, into output: QuantizedRows) {
    precondition(rows <= output.capacity && input.columns == output.columns, "quantized buffer too small")
    pool.forEach(count: rows, grain: max(4, pool.grain(for: rows))) { range in
      for row in range {
        output.scales[row] = kernels.quantize(
          input.pointer(row: row), input.columns, output.codes + row * output.stride, output.sums + row)
      }
    }
  }
}
