import CKernels

extension TensorType {
  /// Decodes rows of a row-major matrix `[rows, columns]` to floats.
  ///
  /// - Parameters:
  ///   - bytes: the whole tensor; for I2_S its scale, 32 bytes before the end, is needed whatever the rows.
  ///   - rows: the rows to decode.
  ///   - columns: the length of a row in elements.
  ///   - output: `[rows.count, columns]`.
  /// - Precondition: the rows lie within `bytes` and `output` has exactly their number of elements. Who reads files
  ///   checks this with ``byteCount(rows:columns:)``.
  package func dequantizeRows(
    _ bytes: SharedBytes, rows: Range<Int>, columns: Int, into output: UnsafeMutableBufferPointer<Float>
  ) {
    let count = rows.count * columns
    precondition(output.count == count, "\(output.count) floats for \(count) elements")
    guard let out = output.baseAddress, count > 0 else { return }
    precondition(rows.lowerBound >= 0, "rows \(rows)")
    let codes = bytes.baseAddress.assumingMemoryBound(to: UInt8.self)
    if self == .i2_s {
      let codeBytes = bytes.count - trailerBytes
      precondition(rows.upperBound * columns <= codeBytes * 4, "rows \(rows) of \(bytes.count) bytes of I2_S")
      let scale = bytes.float(at: codeBytes)
      ck_dequantize_i2_s(codes, rows.lowerBound * columns, count, scale, out)
      return
    }
    precondition(columns.isMultiple(of: blockElements), "\(columns) columns of \(rawValue)")
    let rowBytes = columns / blockElements * blockBytes
    precondition(rows.upperBound * rowBytes <= bytes.count, "rows \(rows) of \(bytes.count) bytes of \(rawValue)")
    blockDecoder(codes + rows.lowerBound * rowBytes, count / blockElements, out)
  }

  private var blockDecoder: (UnsafePointer<UInt8>, Int, UnsafeMutablePointer<Float>) -> Void {
    switch self {
    case .f32: ck_dequantize_f32
    case .f64: ck_dequantize_f64
    case .f16: ck_dequantize_f16
    case .bf16: ck_dequantize_bf16
    case .u8: ck_dequantize_u8
    case .i8: ck_dequantize_i8
    case .i16: ck_dequantize_i16
    case .i32: ck_dequantize_i32
    case .i64: ck_dequantize_i64
    case .q4_0: ck_dequantize_q4_0
    case .q4_1: ck_dequantize_q4_1
    case .q5_0: ck_dequantize_q5_0
    case .q5_1: ck_dequantize_q5_1
    case .q8_0: ck_dequantize_q8_0
    case .q4_K: ck_dequantize_q4_k
    case .q5_K: ck_dequantize_q5_k
    case .q6_K: ck_dequantize_q6_k
    case .tq1_0: ck_dequantize_tq1_0
    case .tq2_0: ck_dequantize_tq2_0
    case .i2_s: preconditionFailure("I2_S has one scale for the whole tensor")
    }
  }
}

extension TensorType {
  /// Decodes rows of a row-major matrix `[rows, columns]` to new floats `[rows.count, columns]`.
  ///
  /// - Precondition: the rows lie within `bytes`, see ``dequantizeRows(_:rows:columns:into:)``.
  package func dequantized(_ bytes: SharedBytes, rows: Range<Int>, columns: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: rows.count * columns) { buffer, count in
      count = rows.count * columns
      dequantizeRows(bytes, rows: rows, columns: columns, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
    }
  }
}
