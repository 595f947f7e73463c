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

  /// The exact logits of a set of rows that contains the `count` largest, in the order of the rows.
  ///
  /// - Parameters:
  ///   - input: its first row is what the head is applied to, `[columns]`.
  ///   - scores: scratch, `[1, rows]`.
  package func largest(
    _ count: Int, _ input: FloatMatrix, scores: FloatMatrix, on compute: Compute
  ) -> [(row: Int, logit: Float)] {
    precondition(input.columns == exact.columns && scores.columns == exact.rows && count > 0)
    let kernel = compute.kernels.int8_dot, columns = exact.columns, x = input.pointer(row: 0)
    let source = codes.baseAddress.assumingMemoryBound(to: Int8.self)
    let pool = compute.pool
    pool.forEach(count: exact.rows, grain: pool.grain(for: exact.rows, multiple: 16)) { range in
      kernel?(
        source + range.lowerBound * columns, columns, range.count, scales.pointer + range.lowerBound, x,
        scores.base + range.lowerBound)
    }
    let norm = Float((0..<columns).reduce(0.0) { $0 + Double(x[$1]) * Double(x[$1]) }.squareRoot()).nextUp
    let threshold = lowerBound(ofLargest: count, scores: scores, norm: norm)
    var candidates: [Int] = []
    for row in 0..<exact.rows where !(scores.base[row] + norm * slacks.pointer[row] < threshold) {
      candidates.append(row)
    }
    let dot = compute.kernels.dot
    let logits = pool.map(count: candidates.count) { index in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        exact.decode(row: candidates[index], into: values)
        var logit: Float = 0
        dot?(values.baseAddress, columns, 1, x, input.stride, 1, &logit, 1)
        return logit
      }
    }
    return zip(candidates, logits).map { ($0, $1) }
  }

  /// A value that at least `count` exact logits reach: the `count`-th largest of the scores' lower bounds.
  private func lowerBound(ofLargest count: Int, scores: FloatMatrix, norm: Float) -> Float {
    guard count < exact.rows else { return -.infinity }
    // Ascending; almost every row fails the first comparison.
    var best: [Float] = []
    for row in 0..<exact.rows {
      let bound = scores.base[row] - norm * slacks.pointer[row]
      if bound.isNaN { return -.infinity }
      if best.count == count, bound <= best[0] { continue }
      best.insert(bound, at: best.firstIndex { $0 > bound } ?? best.count)
      if best.count > count { best.removeFirst() }
    }
    return best[0]
  }
}
