import CKernels

/// A ternary matrix repacked for speed: 16 rows interleaved, three weights in five bits, 1.67 bits per weight.
///
/// Built at load from a `TernaryMatrix` where the instruction set has a kernel for it. One token then reads a sixth less
/// memory than in two bits per weight, and many tokens share a tile that is decoded once. The layout is described in
/// `ternary_avx512vbmi.c`; the results are those of `TernaryMatrix`, bit for bit.
package struct InterleavedMatrix: Sendable {
  /// The number of outputs.
  package let rows: Int
  /// The number of inputs.
  package let columns: Int
  /// What every value is multiplied by.
  package let scale: Float
  /// Blocks of 12 inputs in a group of rows.
  private let blocks: Int
  private let codes: SharedBytes

  /// The size of the packed weights.
  package var byteCount: Int { codes.count }

  /// The most inputs whose tile fits the scratch memory of a thread.
  static let maximumTileColumns = Compute.scratchBytes / 768 * 12

  private static let rowsPerGroup = Int(CK_INTERLEAVED_ROWS)
  /// The tile kernel works on this many rows at a time.
  private static let rowsPerTile = 64

  /// Packs a matrix, on all threads.
  package init(_ matrix: TernaryMatrix, pool: ThreadPool) {
    rows = matrix.rows
    columns = matrix.columns
    scale = matrix.scale
    let inputs = Int(CK_INTERLEAVED_INPUTS)
    let blocks = (matrix.columns + inputs - 1) / inputs
    self.blocks = blocks
    let groupBytes = blocks * Int(CK_INTERLEAVED_BYTES)
    let groups = (matrix.rows + Self.rowsPerGroup - 1) / Self.rowsPerGroup
    let buffer = ByteBuffer(count: groups * groupBytes, usesHugePages: true)
    let target = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    let source = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    let width = max(matrix.rowBytes * 4, blocks * inputs)
    pool.forEach(count: groups, grain: pool.grain(for: groups)) { range in
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.rowsPerGroup * width) { digits in
        for group in range {
          let first = group * Self.rowsPerGroup
          ck_interleave(
            source + first * matrix.rowBytes, matrix.rowBytes, min(Self.rowsPerGroup, matrix.rows - first),
            matrix.columns, blocks, digits.baseAddress, target + group * groupBytes)
        }
      }
    }
    codes = SharedBytes(buffer)
  }

  /// The first `count` rows.
  func prefix(_ count: Int) -> InterleavedMatrix { InterleavedMatrix(self, rows: count) }

  private init(_ other: InterleavedMatrix, rows: Int) {
    self.rows = rows
    columns = other.columns
    scale = other.scale
    blocks = other.blocks
    codes = other.codes
  }

  fileprivate func product(
    _ input: QuantizedRows, rows tokens: Int, into output: FloatMatrix, on compute: Compute
  ) -> Product {
    let kernel = compute.kernels.interleaved_product
    let base = codes.baseAddress.assumingMemoryBound(to: UInt8.self)
    // Wider rows than a tile can hold go through the kernel for few tokens.
    let step = columns <= Self.maximumTileColumns ? max(tokens, 1) : 8
    // For few tokens the load is balanced by small pieces, for many a piece is a whole tile.
    return Product(outputs: rows, unit: tokens > 8 ? Self.rowsPerTile : Self.rowsPerGroup) { [self] thread, range in
      let source = base + range.lowerBound / Self.rowsPerGroup * blocks * Int(CK_INTERLEAVED_BYTES)
      let scratch = compute.scratch[thread].baseAddress.assumingMemoryBound(to: UInt8.self)
      for first in stride(from: 0, to: tokens, by: step) {
        withUnsafePointer(to: input.activations(first..<min(first + step, tokens))) { activations in
          kernel?(
            source, blocks, range.count, activations, scale, output.pointer(row: first) + range.lowerBound,
            output.stride, scratch)
        }
      }
    }
  }
}

extension Compute {
  /// Whether the instruction set has a kernel for the interleaved layout that is faster than the packed one's.
  package var prefersInterleaved: Bool { instructionSet == .avx512vbmi }

  /// BitLinear: `y = (sum_i T[o,i] * X[i]) * s_w * s_x` for the first `rows` rows of `input`, `[rows, outputs]`.
  package func product(
    _ matrix: InterleavedMatrix, quantized input: QuantizedRows, rows: Int, into output: FloatMatrix
  ) -> Product {
    precondition(input.columns == matrix.columns && output.columns == matrix.rows && rows <= output.rows)
    precondition(kernels.interleaved_product != nil, "\(instructionSet) has no kernel for interleaved weights")
    return matrix.product(input, rows: rows, into: output, on: self)
  }
}
