import CKernels

extension Compute {
  /// Encodes rows that a closure writes, on all threads.
  ///
  /// - Parameters:
  ///   - rows: how many.
  ///   - fill: writes row `0..<rows` as floats into the buffer `[columns]`; called for different rows at the same time.
  /// - Precondition: the type is encodable and `columns` are whole blocks of it.
  package func encode(
    rows: Int, columns: Int, as type: TensorType, fill: (_ row: Int, UnsafeMutableBufferPointer<Float>) -> Void
  ) -> SharedBytes {
    precondition(columns.isMultiple(of: type.blockElements), "\(columns) columns as \(type.rawValue)")
    let rowBytes = columns / type.blockElements * type.blockBytes
    let buffer = ByteBuffer(count: rows * rowBytes)
    let target = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    pool.forEach(count: rows, grain: pool.grain(for: rows)) { range in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        for row in range {
          fill(row, values)
          type.encode(UnsafeBufferPointer(values), into: target + row * rowBytes)
        }
      }
    }
    return SharedBytes(buffer)
  }

  /// Encodes rows of trits, in the order given.
  ///
  /// TQ1_0, TQ2_0, F16 … hold `trit * scale` as gguf-py's quantizers make them of these values. Q4_0 does not: they would
  /// make 7/8 of one of the signs. Its blocks hold the trits themselves, as the nibbles 7, 8, 9, with the scale as theirs.
  ///
  /// - Parameter order: the rows of `matrix` in the order in which they are to be written.
  package func encode(_ matrix: TernaryMatrix, rows order: some RandomAccessCollection<Int>, as type: TensorType)
    -> SharedBytes
  {
    let order = Array(order)
    if type == .i2_s { return packedRows(matrix, order) }
    let scale = type == .q4_0 ? 1 : matrix.scale
    let width = matrix.rowBytes * 4
    let codes = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let decode = kernels.ternary_decode
    if type == .q4_0 { return encodeNibbles(matrix, order) }
    return encode(rows: order.count, columns: matrix.columns, as: type) { row, values in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { padded in
        decode?(codes + order[row] * width / 4, width, padded.baseAddress)
        for i in values.indices { values[i] = padded[i] * scale }
      }
    }
  }

  private func encodeNibbles(_ matrix: TernaryMatrix, _ order: [Int]) -> SharedBytes {
    let type = TensorType.q4_0
    precondition(matrix.columns.isMultiple(of: type.blockElements), "\(matrix.columns) columns as Q4_0")
    let width = matrix.rowBytes * 4, blocks = matrix.columns / 32
    let codes = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let scale = halfBits(matrix.scale)
    let decode = kernels.ternary_decode
    let buffer = ByteBuffer(count: order.count * blocks * type.blockBytes)
    let base = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    pool.forEach(count: order.count, grain: pool.grain(for: order.count)) { range in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { trits in
        for row in range {
          decode?(codes + order[row] * width / 4, width, trits.baseAddress)
          for block in 0..<blocks {
            let target = base + (row * blocks + block) * type.blockBytes
            target[0] = UInt8(truncatingIfNeeded: scale)
            target[1] = UInt8(truncatingIfNeeded: scale >> 8)
            for i in 0..<16 {
              target[2 + i] = UInt8(trits[block * 32 + i] + 8) | UInt8(trits[block * 32 + i + 16] + 8) << 4
            }
          }
        }
      }
    }
    return SharedBytes(buffer)
  }

  /// The codes of I2_S, without its trailer.
  private func packedRows(_ matrix: TernaryMatrix, _ order: [Int]) -> SharedBytes {
    precondition(matrix.columns.isMultiple(of: TensorType.i2_s.blockElements), "\(matrix.columns) columns as I2_S")
    let rowBytes = matrix.rowBytes
    let buffer = ByteBuffer(count: order.count * rowBytes)
    for (row, source) in order.enumerated() {
      (buffer.baseAddress + row * rowBytes)
        .copyMemory(from: matrix.codes.baseAddress + source * rowBytes, byteCount: rowBytes)
    }
    return SharedBytes(buffer)
  }
}

extension TernaryMatrix {
  /// What follows the codes of an I2_S tensor: the scale, and 28 bytes without meaning that its converters write as zero.
  package var trailer: SharedBytes {
    let buffer = ByteBuffer(count: TensorType.i2_s.trailerBytes)
    buffer.baseAddress.storeBytes(of: scale, as: Float.self)
    return SharedBytes(buffer)
  }

  /// Hugging Face's packed weights `[ceil(rows / 4), columns]` of the rows in the order given: see `init(quarters:)`.
  package func quarters(rows order: [Int]) -> SharedBytes {
    let quarter = (rows + 3) / 4
    let buffer = ByteBuffer(count: quarter * columns)
    let target = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    let source = codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    for (row, from) in order.enumerated() {
      let line = target + row % quarter * columns
      let shift = UInt8(row / quarter * 2)
      for column in 0..<columns {
        let byte = source[from * rowBytes + column / 128 * 32 + column % 32]
        line[column] |= ((byte >> (6 - 2 * UInt8(column % 128 / 32))) & 3) << shift
      }
    }
    return SharedBytes(buffer)
  }

  /// How many of the values are -1, 0 and +1.
  package func counts(pool: ThreadPool) -> (minus: Int, zero: Int, plus: Int) {
    let source = codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let perRow = pool.map(count: rows) { row in
      var minus = 0, plus = 0
      for byte in 0..<rowBytes {
        let code = source[row * rowBytes + byte]
        // A code is 0, 1 or 2: the upper bit says +1, neither bit -1.
        let upper = code & 0xAA, lower = code & 0x55
        plus += upper.nonzeroBitCount
        minus += 4 - upper.nonzeroBitCount - lower.nonzeroBitCount
      }
      return (minus, plus)
    }
    let minus = perRow.reduce(0) { $0 + $1.0 }, plus = perRow.reduce(0) { $0 + $1.1 }
    return (minus, rows * columns - minus - plus, plus)
  }

  /// Whether the rows are those of `other`, taken in the order given.
  package func holdsSameTrits(as other: TernaryMatrix, rows order: [Int], pool: ThreadPool) -> Bool {
    guard rows == other.rows, columns == other.columns, order.count == rows else { return false }
    return pool.map(count: rows) { row in
      let mine = UnsafeRawBufferPointer(start: codes.baseAddress + row * rowBytes, count: rowBytes)
      let theirs = UnsafeRawBufferPointer(start: other.codes.baseAddress + order[row] * rowBytes, count: rowBytes)
      return mine.elementsEqual(theirs)
    }.allSatisfy { $0 }
  }

  /// The same trits under exactly this scale.
  package func withScale(_ scale: Float) -> TernaryMatrix { TernaryMatrix(self, rows: rows, scale: scale) }
}
