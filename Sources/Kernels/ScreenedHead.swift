import CKernels

/// An output head that finds the largest logits without reading the full-precision weights of every row.
///
/// All rows are scored with an int8 copy of the head, which is half the size of an F16 head, and a 15-bit copy of the input,
/// in integers. The error of each score is bounded, and only rows that could still be among the largest are scored again with
/// the exact head. What comes out is what the exact head gives, bit for bit.
///
/// The bound: with the row `w = s q + e` and the input `x = t X + f`, the score `s t (q . X)`, an exact sum, differs from `w . x`
/// by `s q . f + e . x`, at most `(|w| + |e|) |f| + |e| |x|` (Cauchy-Schwarz). Rounding the score changes it by at most
/// `2^-22 (|w| + |e|) (|x| + |f|)`, and the exact head's own float sum of `n` products in the fixed order of 32 accumulators is
/// off by at most `g |w| |x|`, `g = (n / 32 + 8) 2^-23` (Higham, Accuracy and Stability, section 3.1, twice the unit roundoff to
/// spare). So `|score - logit| <= |x| a + |f| b` with `a = |e| + g |w| + 2^-22 (|w| + |e|)` and `b = (1 + 2^-22) (|w| + |e|)`,
/// constants of the row.
package struct ScreenedHead: Sendable {
  /// The head in full precision.
  package let exact: EncodedMatrix
  private let codes: SharedBytes
  private let stride: Int
  private let scales: FloatVector
  /// `a` and `b` of each row.
  private let slacks: FloatVector
  private let inputSlacks: FloatVector

  /// Whether a head is not too wide to be screened.
  package static func supports(_ head: EncodedMatrix) -> Bool { head.columns <= Int(CK_SPLIT_MAXIMUM) }

  /// Encodes the head, on all threads.
  package init(_ exact: EncodedMatrix, pool: ThreadPool) {
    precondition(Self.supports(exact), "a head of \(exact.columns) columns")
    self.exact = exact
    let columns = exact.columns, stride = Self.padded(columns)
    self.stride = stride
    let buffer = ByteBuffer(count: exact.rows * stride, usesHugePages: true)
    let target = buffer.baseAddress.assumingMemoryBound(to: Int8.self)
    let roundoff = (Double(columns) / 32 + 8) * 0x1p-23
    let rows = pool.map(count: exact.rows) { row in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        exact.decode(row: row, into: values)
        var scale: Float = 0
        var error = 0.0, norm = 0.0
        ck_encode_int8(values.baseAddress, columns, target + row * stride, &scale, &error, &norm)
        let coded = (norm + error) * (1 + 0x1p-20)
        let slack = (error + roundoff * norm) * (1 + 0x1p-20) + 0x1p-22 * coded
        return (scale: scale, slack: Float(slack).nextUp, inputSlack: Float(coded * (1 + 0x1p-22)).nextUp)
      }
    }
    codes = SharedBytes(buffer)
    scales = FloatVector(rows.map(\.scale))
    slacks = FloatVector(rows.map(\.slack))
    inputSlacks = FloatVector(rows.map(\.inputSlack))
  }

  private static func padded(_ columns: Int) -> Int {
    (columns + Int(CK_SPLIT_BLOCK) - 1) / Int(CK_SPLIT_BLOCK) * Int(CK_SPLIT_BLOCK)
  }

  /// The bytes that scoring reads.
  package var byteCount: Int { codes.count + 12 * exact.rows }

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
    let split = SplitRows(input, rows: tokens, stride: stride)
    // Each piece of rows is scored for all tokens, and yields its own largest lower bounds.
    let pieces = (exact.rows + Self.rowsPerPiece - 1) / Self.rowsPerPiece
    let bounds = compute.pool.map(count: pieces) { piece in
      let rows = self.rows(of: piece)
      score(rows, split, into: scores, on: compute)
      return (0..<tokens).map { largestLowerBounds(count, scores.pointer(row: $0), split.sizes[$0], rows: rows) }
    }
    defer { withExtendedLifetime(split) {} }
    return (0..<tokens).map { token in
      // At least `count` exact logits reach the `count`-th largest of all lower bounds.
      let merged = bounds.flatMap { $0[token] }.sorted(by: >)
      let threshold = merged.count >= count ? merged[count - 1] : -.infinity
      return rescore(
        input.pointer(row: token), scores: scores.pointer(row: token), split.sizes[token], threshold: threshold,
        pieces: pieces, on: compute)
    }
  }

  /// The scores of the first `count` rows, for judging the kernel; `output` is `[tokens, count]`.
  func scores(ofFirst count: Int, _ input: FloatMatrix, tokens: Int, into output: FloatMatrix, on compute: Compute) {
    precondition(count <= exact.rows && output.columns == count && output.rows >= tokens)
    let split = SplitRows(input, rows: tokens, stride: stride)
    score(0..<count, split, into: output, on: compute)
    withExtendedLifetime(split) {}
  }

  private func score(_ rows: Range<Int>, _ split: SplitRows, into scores: FloatMatrix, on compute: Compute) {
    var activations = split.activations
    compute.kernels.int8_product(
      codes.baseAddress.assumingMemoryBound(to: Int8.self) + rows.lowerBound * stride, stride, rows.count,
      scales.pointer + rows.lowerBound, &activations, scores.base + rows.lowerBound, scores.stride)
  }

  private static let rowsPerPiece = 1024

  /// How far the score of a row may be off.
  private func slack(_ row: Int, _ size: SplitRows.Size) -> Float {
    (slacks.pointer[row] * size.norm + inputSlacks.pointer[row] * size.error) * (1 + 0x1p-20)
  }

  private func rows(of piece: Int) -> Range<Int> {
    piece * Self.rowsPerPiece..<min((piece + 1) * Self.rowsPerPiece, exact.rows)
  }

  /// The `count` largest lower bounds of some logits; none where a score is no number, which excludes nothing.
  private func largestLowerBounds(
    _ count: Int, _ scores: UnsafePointer<Float>, _ size: SplitRows.Size, rows: Range<Int>
  ) -> [Float] {
    // Ascending; almost every row fails the first comparison.
    var best: [Float] = []
    for row in rows {
      let bound = scores[row] - slack(row, size)
      if bound.isNaN { return [] }
      if best.count == count, bound <= best[0] { continue }
      best.insert(bound, at: best.firstIndex { $0 > bound } ?? best.count)
      if best.count > count { best.removeFirst() }
    }
    return best
  }

  /// The exact logits of all rows that may reach the threshold.
  private func rescore(
    _ x: UnsafePointer<Float>, scores: UnsafePointer<Float>, _ size: SplitRows.Size, threshold: Float, pieces: Int,
    on compute: Compute
  ) -> [(row: Int, logit: Float)] {
    let dot = compute.kernels.dot, columns = exact.columns
    return compute.pool.map(count: pieces) { piece in
      var found: [(row: Int, logit: Float)] = []
      withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
        for row in rows(of: piece) where !(scores[row] + slack(row, size) < threshold) {
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

/// Rows of activations in 15 bits each, as two bytes.
private struct SplitRows {
  /// The Euclidean norms of a row and of what the integers miss of it.
  struct Size {
    let norm: Float
    let error: Float
  }

  /// For the kernel; the pointers are valid for as long as the rows live.
  let activations: ck_split
  let sizes: [Size]
  private let codes: ByteBuffer
  private let numbers: ByteBuffer

  init(_ input: FloatMatrix, rows: Int, stride: Int) {
    codes = ByteBuffer(count: 2 * rows * stride)
    numbers = ByteBuffer(count: 3 * rows * MemoryLayout<Float>.stride)
    let high = codes.baseAddress.assumingMemoryBound(to: Int8.self), low = high + rows * stride
    let scales = numbers.baseAddress.assumingMemoryBound(to: Float.self)
    let sums = (numbers.baseAddress + rows * MemoryLayout<Float>.stride).assumingMemoryBound(to: Int32.self)
    sizes = (0..<rows).map { row in
      var error = 0.0, norm = 0.0
      ck_split_row(
        input.pointer(row: row), input.columns, high + row * stride, low + row * stride, scales + row, sums + row,
        sums + rows + row, &error, &norm)
      return Size(norm: Float(norm).nextUp, error: Float(error).nextUp)
    }
    activations = ck_split(
      high: high, low: low, stride: stride, tokens: rows, scales: scales, high_sums: sums, low_sums: sums + rows)
  }
}
