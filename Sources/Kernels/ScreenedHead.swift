import CKernels

/// An output head that finds the largest logits without reading the full-precision weights of every row.
///
/// All rows are scored with an int8 copy of the head, which is half the size of an F16 head. The error of each score is
/// bounded, and only rows that could still be among the largest are scored again with the exact head. What comes out is
/// what the exact head gives, bit for bit.
///
/// The bound: with the row `w = s q + e`, the score `s (q . x)` differs from `w . x` by `e . x`, at most `|e| |x|`
/// (Cauchy-Schwarz). Both sums are computed in float; a sum of `n` products in the fixed order of 32 accumulators is off by
/// at most `g (|w| |x|)`, `g = (n / 32 + 8) 2^-23` (Higham, Accuracy and Stability, section 3.1, twice the unit roundoff to
/// spare). So `|score - logit| <= |x| (|e| + g (2 |w| + |e|))`, and the parenthesis is a constant of the row.
package struct ScreenedHead: Sendable {
  /// The head in full precision.
  package let exact: EncodedMatrix
  private let codes: SharedBytes
  private let scales: FloatVector
  /// Times the norm of the input: how far the score of each row may be off.
  private let slacks: FloatVector

  /// Encodes the head, on all threads.
  package init(_ exact: EncodedMatrix, pool: ThreadPool) {
    self.exact = exact
    let columns = exact.columns
    let buffer = ByteBuffer(count: exact.rows * columns, usesHugePages: true)
    let target = buffer.baseAddress.assumingMemoryBound(to: Int8.self)
    let roundoff = (Double(columns) / 32 + 8) * 0x1p-23
    let rows = pool.map(count: exact.rows) { row in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        exact.decode(row: row, into: values)
        var scale: Float = 0
        var error = 0.0, norm = 0.0
        ck_encode_int8(values.baseAddress, columns, target + row * columns, &scale, &error, &norm)
        let slack = (error + roundoff * (2 * norm + error)) * (1 + 0x1p-20)
        return (scale: scale, slack: Float(slack).nextUp)
      }
    }
    codes = SharedBytes(buffer)
    scales = FloatVector(rows.map(\.scale))
    slacks = FloatVector(rows.map(\.slack))
  }

  /// The bytes that scoring reads.
  package var byteCount: Int { codes.count + 8 * exact.rows }

  /// For each of the first `tokens` rows of `input`, the exact logits of a set of head rows that contains the `count`
  /// largest, in the order of the rows.
  ///
  /// - Parameters:
  ///   - input: `[tokens, columns]`.
  ///   - scores: scratch, `[tokens, rows]`.
  package func largest(
    _ count: Int, _ input: FloatMatrix, tokens: Int = 1, scores: FloatMatrix, on compute: Compute
  ) -> [[(row: Int, logit: Float)]] {
    precondition(input.columns == exact.columns && scores.columns == exact.rows && count > 0)
    precondition(tokens <= input.rows && tokens <= scores.rows)
    let norms = (0..<tokens).map { token in
      Float(input[row: token].reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()).nextUp
    }
    // Each piece of rows is scored for all tokens, and yields its own largest lower bounds.
    let pieces = (exact.rows + Self.rowsPerPiece - 1) / Self.rowsPerPiece
    let bounds = compute.pool.map(count: pieces) { piece in
      let rows = self.rows(of: piece)
      score(rows, input, tokens: tokens, on: compute, into: scores)
      return (0..<tokens).map { largestLowerBounds(count, scores.pointer(row: $0), norm: norms[$0], rows: rows) }
    }
    return (0..<tokens).map { token in
      // At least `count` exact logits reach the `count`-th largest of all lower bounds.
      let merged = bounds.flatMap { $0[token] }.sorted(by: >)
      let threshold = merged.count >= count ? merged[count - 1] : -.infinity
      return rescore(
        input.pointer(row: token), scores: scores.pointer(row: token), norm: norms[token], threshold: threshold,
        pieces: pieces, on: compute)
    }
  }

  /// Scores some rows for the first `tokens` rows of `input`, into their columns of `scores`.
  func score(_ rows: Range<Int>, _ input: FloatMatrix, tokens: Int, on compute: Compute, into scores: FloatMatrix) {
    let columns = exact.columns
    compute.kernels.int8_dot(
      codes.baseAddress.assumingMemoryBound(to: Int8.self) + rows.lowerBound * columns, columns, rows.count,
      scales.pointer + rows.lowerBound, input.base, input.stride, tokens, scores.base + rows.lowerBound, scores.stride)
  }

  private static let rowsPerPiece = 1024

  private func rows(of piece: Int) -> Range<Int> {
    piece * Self.rowsPerPiece..<min((piece + 1) * Self.rowsPerPiece, exact.rows)
  }

  /// The `count` largest lower bounds of some logits; none where a score is no number, which excludes nothing.
  private func largestLowerBounds(
    _ count: Int, _ scores: UnsafePointer<Float>, norm: Float, rows: Range<Int>
  ) -> [Float] {
    // Ascending; almost every row fails the first comparison.
    var best: [Float] = []
    for row in rows {
      let bound = scores[row] - norm * slacks.pointer[row]
      if bound.isNaN { return [] }
      if best.count == count, bound <= best[0] { continue }
      best.insert(bound, at: best.firstIndex { $0 > bound } ?? best.count)
      if best.count > count { best.removeFirst() }
    }
    return best
  }

  /// The exact logits of all rows that may reach the threshold.
  private func rescore(
    _ x: UnsafePointer<Float>, scores: UnsafePointer<Float>, norm: Float, threshold: Float, pieces: Int,
    on compute: Compute
  ) -> [(row: Int, logit: Float)] {
    let dot = compute.kernels.dot, columns = exact.columns
    return compute.pool.map(count: pieces) { piece in
      var found: [(row: Int, logit: Float)] = []
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        for row in rows(of: piece) where !(scores[row] + norm * slacks.pointer[row] < threshold) {
          exact.decode(row: row, into: values)
          var logit: Float = 0
          dot?(values.baseAddress, columns, 1, x, columns, 1, &logit, 1)
          found.append((row, logit))
        }
      }
      return found
    }.flatMap(\.self)
  }
}
