import CKernels

/// What a weight matrix becomes under the weight quantization of BitLinear.
package struct Ternarization: Sendable {
  /// The trits and their scale.
  package let matrix: TernaryMatrix
  /// Whether the weights were -s, 0, +s already: then they were taken over and not quantized again, which would shrink
  /// the scale by the share of zeros.
  package let wasTernary: Bool
  /// Whether all weights are numbers. If not, there is no mean, and the trits mean nothing.
  package let isFinite: Bool
}

extension Compute {
  /// Quantizes weights to -1, 0, +1 by absmean, one scale for the whole matrix:
  /// `s_w = max(mean|W|, 1e-5)`, `T = clamp(round(W / s_w), -1, 1)` (arXiv 2402.17764, section 2).
  ///
  /// - Complexity: two passes over the decoded rows, split between the threads. The mean is summed in double precision,
  ///   row by row in order, so that it does not depend on the number of threads.
  package func ternarize(_ weights: EncodedMatrix) -> Ternarization {
    let summaries = magnitudes(of: weights)
    let total = summaries.reduce(0) { $0 + $1.sum }
    let magnitudes = summaries.compactMap(\.onlyMagnitude).filter { $0 != 0 }
    let isTernary =
      summaries.allSatisfy { $0.onlyMagnitude != nil } && magnitudes.allSatisfy { $0 == magnitudes[0] }
    let mean = Float(total / Double(max(1, weights.rows * weights.columns)))
    let scale = isTernary ? (magnitudes.first ?? 1e-5) : max(mean, 1e-5)
    let matrix = TernaryMatrix(rows: weights.rows, columns: weights.columns, scale: scale, pool: pool) { row, codes in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: weights.columns) { values in
        weights.decode(row: row, into: values)
        for i in 0..<weights.columns {
          // round(q) clamped to -1...1, half to even: 0.5 goes to 0.
          let q = values[i] / scale
          codes[i] = q > 0.5 ? 2 : q < -0.5 ? 0 : 1
        }
      }
    }
    return Ternarization(matrix: matrix, wasTernary: isTernary, isFinite: total.isFinite)
  }

  private struct RowMagnitudes {
    var sum = 0.0
    /// The only magnitude but 0 that occurs in the row; 0 when all are zero; `nil` when there are several.
    var onlyMagnitude: Float? = 0
  }

  private func magnitudes(of weights: EncodedMatrix) -> [RowMagnitudes] {
    pool.map(count: weights.rows) { row in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: weights.columns) { values in
        weights.decode(row: row, into: values)
        var summary = RowMagnitudes()
        summary.sum = kernels.magnitude_sum(values.baseAddress, values.count)
        for value in values {
          let magnitude = abs(value)
          if let only = summary.onlyMagnitude, magnitude != 0, magnitude != only {
            summary.onlyMagnitude = only == 0 ? magnitude : nil
          }
        }
        return summary
      }
    }
  }
}

extension Compute {
  /// Ternarizes master weights as ``ternarize(_:)`` does those of a file, to the same bits, but fast: once for every step of
  /// an optimizer. Weights that happen to be ternary are quantized like all others.
  package func ternarize(_ weights: FloatMatrix) -> TernaryMatrix {
    let sums = pool.map(count: weights.rows) { kernels.magnitude_sum(weights.pointer(row: $0), weights.columns) }
    let mean = Float(sums.reduce(0, +) / Double(max(1, weights.rows * weights.columns)))
    let scale = max(mean, 1e-5), rowBytes = TernaryMatrix.paddedColumns(weights.columns) / 4
    let buffer = ByteBuffer(count: weights.rows * rowBytes)
    let codes = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    forEachRow(weights.rows) { row in
      kernels.ternarize(weights.pointer(row: row), weights.columns, scale, codes + row * rowBytes)
    }
    return TernaryMatrix(rows: weights.rows, columns: weights.columns, padded: SharedBytes(buffer), scale: scale)
  }

  /// Decodes the trits -1, 0, +1 as floats, without the scale, into the first rows of a matrix at least as wide as the padded
  /// rows.
  package func decode(_ matrix: TernaryMatrix, into output: FloatMatrix) {
    precondition(output.stride >= TernaryMatrix.paddedColumns(matrix.columns) && output.rows >= matrix.rows)
    let codes = matrix.codes.baseAddress.assumingMemoryBound(to: UInt8.self), rowBytes = matrix.rowBytes
    forEachRow(matrix.rows) { row in
      kernels.ternary_decode(codes + row * rowBytes, rowBytes * 4, output.pointer(row: row))
    }
  }
}
