import CKernels

extension Compute {
  /// Attention of the tokens of a pass, whose keys and values are already in the pages of their sequences.
  ///
  /// `out[t, h] = softmax(q[t, h] . k[0..<seen(t), kv(h)] / sqrt(headSize)) v`, where query head `h` reads the key-value head
  /// `h / (heads / kvHeads)`. The softmax is computed in stretches of positions that are merged in order (Dao, Flash-Decoding),
  /// whichever threads compute them, so that the bits do not depend on what else is in the pass.
  ///
  /// - Parameters:
  ///   - queries: `[rows, heads * headSize]`, rotated.
  ///   - layer: whose keys and values to read.
  ///   - output: `[rows, heads * headSize]`.
  package func attend(_ queries: FloatMatrix, layer: Int, spans: [CacheSpan], into output: FloatMatrix) {
    guard let shape = spans.first?.pages.first?.shape else { return }
    precondition(queries.columns % (shape.heads * shape.headSize) == 0 && output.columns == queries.columns)
    let attention = Attention(
      queries: queries, output: output, layer: layer, spans: spans, shape: shape,
      heads: queries.columns / (shape.heads * shape.headSize), compute: self)
    // Where tokens and heads are too few to keep all threads busy, the stretches are shared out too.
    let whole = attention.pieces()
    if whole.count >= 8 * pool.threadCount || whole.allSatisfy({ $0.stretches.count == 1 }) {
      attention.runWhole(whole)
    } else {
      attention.runSplit(whole)
    }
  }
}

/// What the pieces of one layer's attention have in common.
private struct Attention {
  let queries: FloatMatrix
  let output: FloatMatrix
  let layer: Int
  let spans: [CacheSpan]
  let shape: CacheShape
  /// Query heads that share a key-value head. They are computed together, since reading the keys is what costs.
  let heads: Int
  let compute: Compute

  /// Some tokens with all heads of a key-value head.
  struct Piece {
    let span: Int
    let rows: Range<Int>
    let kvHead: Int
    var stretches: Range<Int>
  }

  private static let stretch = Int(CK_STRETCH)

  private var partialSize: Int { shape.headSize + 2 }

  func pieces() -> [Piece] {
    let rowsAtOnce = max(1, 16 / heads)
    var pieces: [Piece] = []
    for (index, span) in spans.enumerated() {
      for first in stride(from: span.rows.lowerBound, to: span.rows.upperBound, by: rowsAtOnce) {
        let rows = first..<min(first + rowsAtOnce, span.rows.upperBound)
        let stretches = (span.seen(by: rows.upperBound - 1) + Self.stretch - 1) / Self.stretch
        for kvHead in 0..<shape.heads {
          pieces.append(Piece(span: index, rows: rows, kvHead: kvHead, stretches: 0..<stretches))
        }
      }
    }
    return pieces
  }

  private var scratchCount: Int {
    let queries = max(16, heads)
    return queries * (2 * partialSize + shape.headSize + Self.stretch) + CachePage.positions * shape.headSize
  }

  /// Each thread's own memory, unless the heads are wider than it holds.
  private func threadMemory() -> [ByteBuffer] {
    let needed = scratchCount * MemoryLayout<Float>.stride
    return needed <= Compute.scratchBytes
      ? compute.scratch : (0..<compute.pool.threadCount).map { _ in ByteBuffer(count: needed) }
  }

  /// Each piece with all of its stretches on one thread.
  func runWhole(_ pieces: [Piece]) {
    let memory = threadMemory()
    let grain = max(1, pieces.count / (compute.pool.threadCount * 8))
    compute.pool.forEach(count: pieces.count, grain: grain) { thread, range in
      let partial = memory[thread].baseAddress.assumingMemoryBound(to: Float.self)
      let other = partial + max(16, heads) * partialSize
      let scratch = other + max(16, heads) * partialSize
      for piece in pieces[range] {
        for stretch in piece.stretches {
          let rows = self.rows(of: piece, seeing: stretch)
          compute(stretch, of: piece, rows: rows, into: stretch == 0 ? partial : other, scratch: scratch)
          if stretch > 0 { merge(other, rows: rows, of: piece, into: partial) }
        }
        finish(piece, partial)
      }
    }
  }

  /// Each stretch of each piece on any thread, merged in order at the end.
  func runSplit(_ pieces: [Piece]) {
    let tasks = pieces.flatMap { piece in
      piece.stretches.map { Piece(span: piece.span, rows: piece.rows, kvHead: piece.kvHead, stretches: $0..<$0 + 1) }
    }
    let memory = threadMemory(), size = max(16, heads) * partialSize
    withUnsafeTemporaryAllocation(of: Float.self, capacity: tasks.count * size) { buffer in
      guard let partials = buffer.baseAddress else { return }
      nonisolated(unsafe) let base = partials
      compute.pool.forEach(count: tasks.count, grain: 1) { thread, range in
        let scratch = memory[thread].baseAddress.assumingMemoryBound(to: Float.self)
        for index in range {
          let task = tasks[index], stretch = task.stretches.lowerBound
          compute(stretch, of: task, rows: rows(of: task, seeing: stretch), into: base + index * size, scratch: scratch)
        }
      }
      var index = 0
      for piece in pieces {
        let partial = partials + index * size
        for stretch in piece.stretches {
          if stretch > 0 {
            merge(partials + index * size, rows: rows(of: piece, seeing: stretch), of: piece, into: partial)
          }
          index += 1
        }
        finish(piece, partial)
      }
    }
  }

  /// The rows of a piece that see anything of a stretch: all but some at the beginning.
  private func rows(of piece: Piece, seeing stretch: Int) -> Range<Int> {
    let span = spans[piece.span]
    let first = piece.rows.first { span.seen(by: $0) > stretch * Self.stretch } ?? piece.rows.upperBound
    return first..<piece.rows.upperBound
  }

  private func compute(
    _ stretch: Int, of piece: Piece, rows: Range<Int>, into partial: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let span = spans[piece.span], first = stretch * Self.stretch
    span.bases.withUnsafeBufferPointer { bases in
      guard let pages = bases.baseAddress else { return }
      var attention = ck_attention(
        queries: queries.pointer(row: rows.lowerBound) + piece.kvHead * heads * shape.headSize,
        query_stride: queries.stride, tokens: rows.count, heads: heads, head_size: shape.headSize,
        pages: pages + first / CachePage.positions, keys: shape.keyOffset(layer: layer, head: piece.kvHead),
        values: shape.valueOffset(layer: layer, head: piece.kvHead), type: Int32(shape.precision.identifier.rawValue),
        count: min(Self.stretch, span.seen(by: rows.upperBound - 1) - first),
        seen: span.seen(by: rows.lowerBound) - first, step: span.isCausal ? 1 : 0,
        scale: 1 / Float(shape.headSize).squareRoot(), out: partial)
      compute.kernels.attend(&attention, scratch)
    }
  }

  private func merge(
    _ other: UnsafePointer<Float>, rows: Range<Int>, of piece: Piece, into partial: UnsafeMutablePointer<Float>
  ) {
    let target = partial + (rows.lowerBound - piece.rows.lowerBound) * heads * partialSize
    for query in 0..<rows.count * heads {
      compute.kernels.attend_merge(target + query * partialSize, other + query * partialSize, shape.headSize)
    }
  }

  private func finish(_ piece: Piece, _ partial: UnsafePointer<Float>) {
    for (offset, row) in piece.rows.enumerated() {
      for head in 0..<heads {
        let source = partial + (offset * heads + head) * partialSize
        let target = output.pointer(row: row) + (piece.kvHead * heads + head) * shape.headSize
        let total = source[shape.headSize + 1]
        for i in 0..<shape.headSize { target[i] = source[i] / total }
      }
    }
  }
}
