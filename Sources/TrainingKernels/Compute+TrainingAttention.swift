import CKernels
package import Kernels

/// Scratch memory of the attention of a pass: one piece for each thread.
package final class AttentionScratch {
  fileprivate struct Piece {
    let queries: FloatMatrix
    let outputs: FloatMatrix
    let scores: FloatMatrix
    let gradients: FloatMatrix
  }

  fileprivate let pieces: [Piece]

  /// - Parameter heads: the query heads that share a key-value head.
  package init(_ plan: AttentionPlan, heads: Int, headSize: Int, compute: Compute) {
    let rows = plan.maximumQueries * heads
    pieces = (0..<compute.pool.threadCount).map { _ in
      Piece(
        queries: FloatMatrix(rows: rows, columns: headSize), outputs: FloatMatrix(rows: rows, columns: headSize),
        scores: FloatMatrix(rows: rows, columns: plan.maximumKeys),
        gradients: FloatMatrix(rows: rows, columns: plan.maximumKeys))
    }
  }
}

/// The states of all heads in a layer, rotated: `[rows, heads * headSize]` and `[rows, kvHeads * headSize]`.
package struct AttentionStates {
  package let queries: FloatMatrix
  package let keys: FloatMatrix
  package let values: FloatMatrix
  package let headSize: Int

  package init(queries: FloatMatrix, keys: FloatMatrix, values: FloatMatrix, headSize: Int) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.headSize = headSize
  }

  var kvHeads: Int { keys.columns / headSize }
  /// The query heads that share a key-value head; they are computed together.
  var heads: Int { queries.columns / keys.columns }
}

extension Compute {
  /// `out[q, h] = softmax(q . k / sqrt(headSize)) v` over the keys that each query sees, `[rows, heads * headSize]`.
  package func attend(
    _ states: AttentionStates, _ plan: AttentionPlan, scratch: AttentionScratch, into output: FloatMatrix
  ) {
    precondition(output.columns == states.queries.columns)
    let units = plan.tiles.count * states.kvHeads
    pool.forEach(count: units, grain: max(1, min(8, units / (8 * pool.threadCount)))) { thread, range in
      for unit in range {
        let piece = TilePass(
          states: states, tile: plan.tiles[unit / states.kvHeads], kvHead: unit % states.kvHeads,
          scratch: scratch.pieces[thread], compute: self)
        piece.forward(into: output)
      }
    }
  }

  /// The gradients of ``attend(_:_:scratch:into:)`` by queries, keys and values, which are overwritten; the probabilities are
  /// computed again.
  ///
  /// - Parameter gradient: by the output.
  package func attendBackward(
    _ states: AttentionStates, _ plan: AttentionPlan, scratch: AttentionScratch, gradient: FloatMatrix, rows: Int,
    into gradients: AttentionStates
  ) {
    for matrix in [gradients.queries, gradients.keys, gradients.values] { zero(matrix, rows: rows) }
    pool.forEach(count: plan.clusters.count * states.kvHeads, grain: 1) { thread, range in
      for unit in range {
        for tile in plan.clusters[unit / states.kvHeads] {
          let piece = TilePass(
            states: states, tile: plan.tiles[tile], kvHead: unit % states.kvHeads, scratch: scratch.pieces[thread],
            compute: self)
          piece.backward(gradient, into: gradients)
        }
      }
    }
  }
}

/// One tile with all query heads of a key-value head, stacked query by query.
private struct TilePass {
  let states: AttentionStates
  let tile: AttentionTile
  let kvHead: Int
  let scratch: AttentionScratch.Piece
  let compute: Compute

  private var stacked: Range<Int> { 0..<tile.queries.count * states.heads }
  private var width: Int { states.heads * states.headSize }

  /// The heads of a query lie side by side, just as they are stacked.
  private func gather(_ source: FloatMatrix, into target: FloatMatrix) {
    for (index, row) in tile.queries.enumerated() {
      for head in 0..<states.heads {
        target.pointer(row: index * states.heads + head).update(
          from: source.pointer(row: row) + kvHead * width + head * states.headSize, count: states.headSize)
      }
    }
  }

  private func scatter(_ source: FloatMatrix, into target: FloatMatrix) {
    for (index, row) in tile.queries.enumerated() {
      for head in 0..<states.heads {
        (target.pointer(row: row) + kvHead * width + head * states.headSize).update(
          from: source.pointer(row: index * states.heads + head), count: states.headSize)
      }
    }
  }

  private func head(_ matrix: FloatMatrix, _ rows: Range<Int>) -> MatrixView {
    MatrixView(matrix, rows: rows, columns: kvHead * states.headSize..<(kvHead + 1) * states.headSize)
  }

  private func stack(_ matrix: FloatMatrix) -> MatrixView { MatrixView(matrix, rows: stacked) }

  /// Calls `body` with each stretch of keys and the columns of the scores that belong to it.
  private func forEachStretch(_ body: (_ keys: Range<Int>, _ columns: Range<Int>) -> Void) {
    var first = 0
    for keys in tile.keys {
      body(keys, first..<first + keys.count)
      first += keys.count
    }
  }

  /// The probabilities of all keys, 0 where a query does not see.
  private func probabilities() {
    gather(states.queries, into: scratch.queries)
    forEachStretch { keys, columns in
      multiplyOnThisThread(
        .plain(stack(scratch.queries)), .transposed(head(states.keys, keys)),
        into: MatrixView(scratch.scores, rows: stacked, columns: columns))
    }
    let scale = 1 / Float(states.headSize).squareRoot(), count = tile.keyCount
    for row in stacked {
      let scores = scratch.scores.pointer(row: row)
      var seen = 0
      for range in tile.visible[row / states.heads] {
        for key in seen..<range.lowerBound { scores[key] = -Float.infinity }
        seen = range.upperBound
      }
      if seen > 0 { _ = compute.kernels.softmax(scores, seen, scale) }
      for key in seen..<count { scores[key] = 0 }
    }
  }

  func forward(into output: FloatMatrix) {
    probabilities()
    forEachStretch { keys, columns in
      multiplyOnThisThread(
        .plain(MatrixView(scratch.scores, rows: stacked, columns: columns)), .plain(head(states.values, keys)),
        into: stack(scratch.outputs), accumulating: columns.lowerBound > 0)
    }
    scatter(scratch.outputs, into: output)
  }

  func backward(_ gradient: FloatMatrix, into gradients: AttentionStates) {
    probabilities()
    gather(gradient, into: scratch.outputs)
    forEachStretch { keys, columns in
      multiplyOnThisThread(
        .transposed(MatrixView(scratch.scores, rows: stacked, columns: columns)), .plain(stack(scratch.outputs)),
        into: head(gradients.values, keys), accumulating: true)
      multiplyOnThisThread(
        .plain(stack(scratch.outputs)), .transposed(head(states.values, keys)),
        into: MatrixView(scratch.gradients, rows: stacked, columns: columns))
    }
    let scale = 1 / Float(states.headSize).squareRoot(), count = tile.keyCount
    for row in stacked {
      compute.kernels.softmax_backward(
        scratch.scores.pointer(row: row), scratch.gradients.pointer(row: row), count, scale)
    }
    forEachStretch { keys, columns in
      let scores = MatrixView(scratch.gradients, rows: stacked, columns: columns)
      multiplyOnThisThread(
        .transposed(scores), .plain(stack(scratch.queries)), into: head(gradients.keys, keys), accumulating: true)
      multiplyOnThisThread(
        .plain(scores), .plain(head(states.keys, keys)), into: stack(scratch.outputs),
        accumulating: columns.lowerBound > 0)
    }
    scatter(scratch.outputs, into: gradients.queries)
  }
}
