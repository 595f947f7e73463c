import CKernels

/// A matrix of the values -1, 0, +1 times one scale, packed in two bits per weight.
///
/// The packing is the one of I2_S: a row is cut into blocks of 128 elements, and element `e` of a block is held by byte
/// `e % 32` in the bits `6 - 2 * (e / 32)`, as the code `value + 1`. Rows are padded with zero weights to a whole number
/// of blocks, so that a file's I2_S tensor whose rows are multiples of 128 is used in place.
package struct TernaryMatrix: Sendable {
  /// The number of outputs.
  package let rows: Int
  /// The number of inputs.
  package let columns: Int
  /// What every value is multiplied by: the `s_w` of design section 2.
  package let scale: Float
  let codes: SharedBytes

  /// The widest row whose exact sum of code * activation fits 32 bits: 3 * 128 * columns < 2^31.
  package static let maximumColumns = 5_592_404

  /// The most inputs whose unpacked rows fit the scratch memory of a thread.
  static let maximumTileColumns = Compute.scratchBytes / Int(CK_PACKED_ROWS)

  package static func paddedColumns(_ columns: Int) -> Int {
    (columns + Int(CK_TERNARY_BLOCK) - 1) / Int(CK_TERNARY_BLOCK) * Int(CK_TERNARY_BLOCK)
  }

  /// The size of the packed weights.
  package var byteCount: Int { rows * rowBytes }

  /// Bytes from one row to the next.
  var rowBytes: Int { TernaryMatrix.paddedColumns(columns) / 4 }

  /// Uses packed codes in place.
  ///
  /// - Parameter codes: `rows` rows of `columns / 4` bytes, as in I2_S; `columns` is a multiple of 128.
  package init(rows: Int, columns: Int, packed codes: SharedBytes, scale: Float) {
    precondition(columns % Int(CK_TERNARY_BLOCK) == 0 && codes.count >= rows * columns / 4, "not packed rows")
    precondition(columns <= Self.maximumColumns, "\(columns) columns of trits")
    self.rows = rows
    self.columns = columns
    self.scale = scale
    self.codes = codes
  }

  /// Packs codes that a closure writes row by row.
  ///
  /// - Parameter fill: writes the codes 0, 1, 2 (= value + 1) of one row into the buffer `[columns]`; called on the
  ///   threads of `pool`, for different rows at the same time.
  package init(
    rows: Int, columns: Int, scale: Float, pool: ThreadPool,
    fill: (_ row: Int, _ codes: UnsafeMutableBufferPointer<UInt8>) -> Void
  ) {
    self.rows = rows
    self.columns = columns
    self.scale = scale
    precondition(columns <= Self.maximumColumns, "\(columns) columns of trits")
    let padded = TernaryMatrix.paddedColumns(columns)
    let buffer = ByteBuffer(count: rows * padded / 4)
    let packed = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    pool.forEach(count: rows, grain: pool.grain(for: rows)) { range in
      let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: padded)
      defer { scratch.deallocate() }
      scratch.initialize(repeating: 1)
      for row in range {
        fill(row, UnsafeMutableBufferPointer(rebasing: scratch[..<columns]))
        let target = packed + row * padded / 4
        for block in 0..<padded / 128 {
          for byte in 0..<32 {
            let first = block * 128 + byte
            target[block * 32 + byte] =
              scratch[first] << 6 | scratch[first + 32] << 4 | scratch[first + 64] << 2 | scratch[first + 96]
          }
        }
      }
    }
    codes = SharedBytes(buffer)
  }

  /// The values -1, 0, +1 of one row.
  package func values(row: Int) -> [Int8] {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    return codes.withUnsafeBytes { bytes in
      (0..<columns).map { column in
        let element = column % 128
        let byte = bytes[row * rowBytes + column / 128 * 32 + element % 32]
        return Int8((byte >> (6 - 2 * UInt8(element / 32))) & 3) - 1
      }
    }
  }
}

extension TernaryMatrix {
  /// One row as floats, `[columns]`: the trits times the scale.
  package func floats(row: Int) -> [Float] { values(row: row).map { Float($0) * scale } }
}

extension Compute {
  /// BitLinear: `y = (sum_i T[o,i] * X[i]) * s_w * s_x` for the first `rows` rows of `input`, `[rows, outputs]`.
  ///
  /// The sum is exact in 32 bits; the product of the scales is applied in one float multiplication.
  package func product(
    _ matrix: TernaryMatrix, quantized input: QuantizedRows, rows: Int, into output: FloatMatrix
  ) -> Product {
    precondition(input.columns == matrix.columns && output.columns == matrix.rows && rows <= output.rows)
    let kernel = kernels.packed_product
    let codes = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let rowBytes = matrix.rowBytes
    // Wider rows than a tile can hold go through the kernel for few tokens.
    let step = rowBytes * 4 <= TernaryMatrix.maximumTileColumns ? max(rows, 1) : Int(CK_PACKED_FEW)
    return Product(outputs: matrix.rows, unit: Int(CK_PACKED_ROWS)) { [self] thread, range in
      let tile = scratch[thread].baseAddress.assumingMemoryBound(to: UInt8.self)
      for first in stride(from: 0, to: rows, by: step) {
        withUnsafePointer(to: input.activations(first..<min(first + step, rows))) { activations in
          kernel?(
            codes + range.lowerBound * rowBytes, rowBytes * 4, range.count, activations, matrix.scale,
            output.pointer(row: first) + range.lowerBound, output.stride, tile)
        }
      }
    }
  }

  /// Ternary weights, float activations: `y = (sum_i T[o,i] * x[i]) * s_w`, for the first `rows` rows of `input`.
  package func product(
    _ matrix: TernaryMatrix, _ input: FloatMatrix, rows: Int, into output: FloatMatrix
  ) -> Product {
    let codes = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let rowBytes = matrix.rowBytes
    let decode = kernels.ternary_decode
    return decodedProduct(
      outputs: matrix.rows, inputs: matrix.columns, width: TernaryMatrix.paddedColumns(matrix.columns),
      scale: matrix.scale, input, rows: rows, into: output
    ) { row, scratch in
      decode?(codes + row * rowBytes, rowBytes * 4, scratch)
    }
  }

  /// The product of decoded weight rows with float activations: every row is decoded once for all tokens.
  ///
  /// - Parameters:
  ///   - scale: multiplies every result.
  ///   - width: the floats that `decode` writes, `inputs` or, with padding behind them, more.
  func decodedProduct(
    outputs: Int, inputs: Int, width: Int, scale: Float, _ input: FloatMatrix, rows: Int, into output: FloatMatrix,
    decode: @escaping (_ row: Int, _ target: UnsafeMutablePointer<Float>) -> Void
  ) -> Product {
    precondition(input.columns == inputs && output.columns == outputs && rows <= output.rows && rows <= input.rows)
    let dot = kernels.dot
    return Product(outputs: outputs, unit: 16) { _, range in
      // As many rows as the kernel takes at a time; the last may be padded, and is overwritten from there on.
      withUnsafeTemporaryAllocation(byteCount: (3 * inputs + width) * 4, alignment: 64) { memory in
        guard let decoded = memory.bindMemory(to: Float.self).baseAddress else { return }
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 4) {
          let count = min(4, range.upperBound - first)
          for row in 0..<count { decode(first + row, decoded + row * inputs) }
          dot?(decoded, inputs, count, input.base, input.stride, rows, output.base + first, output.stride)
        }
        if scale != 1 {
          for token in 0..<rows { for row in range { output.pointer(row: token)[row] *= scale } }
        }
      }
    }
  }
}

extension TernaryMatrix {
  /// The same trits under another scale.
  package func scaled(by factor: Float) -> TernaryMatrix { TernaryMatrix(self, rows: rows, scale: scale * factor) }

  /// The first `count` rows.
  func prefix(_ count: Int) -> TernaryMatrix { TernaryMatrix(self, rows: count, scale: scale) }

  /// Uses codes whose rows are padded to whole blocks.
  init(rows: Int, columns: Int, padded codes: SharedBytes, scale: Float) {
    precondition(codes.count == rows * Self.paddedColumns(columns) / 4, "rows not padded to whole blocks")
    precondition(columns <= Self.maximumColumns, "\(columns) columns of trits")
    self.rows = rows
    self.columns = columns
    self.codes = codes
    self.scale = scale
  }

  init(_ other: TernaryMatrix, rows: Int, scale: Float) {
    self.rows = rows
    columns = other.columns
    codes = other.codes
    self.scale = scale
  }

  /// Unpacks Hugging Face's packed weights `[ceil(rows / 4), columns]`: bits `2i` and `2i + 1` of packed row `j` hold
  /// the row `i * ceil(rows / 4) + j`, as value + 1 (transformers, `integrations/bitnet.py`).
  ///
  /// - Precondition: `bytes` has `ceil(rows / 4) * columns` bytes without the code 3.
  package init(rows: Int, columns: Int, quarters bytes: SharedBytes, scale: Float, pool: ThreadPool) {
    let quarter = (rows + 3) / 4
    precondition(bytes.count == quarter * columns, "packed weights of another size")
    self.init(rows: rows, columns: columns, scale: scale, pool: pool) { row, codes in
      let source = bytes.baseAddress.assumingMemoryBound(to: UInt8.self) + row % quarter * columns
      let shift = UInt8(row / quarter * 2)
      for column in 0..<columns { codes[column] = (source[column] >> shift) & 3 }
    }
  }
}
