package import TrainingKernels

/// Cuts the attention of a pass into tiles of a size that matrix products like.
///
/// Long groups are cut; short neighbours, such as the blocks of block diffusion, are computed together with all keys that any
/// of them sees, where what is computed for nothing costs less than a product of its own.
package struct AttentionPlanner {
  /// Queries of a tile: with the heads that share keys, enough rows for a product.
  private static let maximumQueries = 64
  /// What a tile costs besides its scores, in scores.
  private static let overhead = 8192

  private struct Piece {
    var queries: Range<Int>
    /// For each query the rows that it sees, in order.
    var visible: [[Range<Int>]]
    /// All of them together.
    var keys: [Range<Int>]

    var cost: Int { queries.count * keys.reduce(0) { $0 + $1.count } }
  }

  /// The plan for the groups of a pass.
  package static func plan(_ groups: [AttentionGroup]) -> AttentionPlan {
    var pieces: [Piece] = []
    for piece in groups.flatMap(cut) {
      guard let last = pieces.last, let merged = merge(last, piece) else {
        pieces.append(piece)
        continue
      }
      pieces[pieces.count - 1] = merged
    }
    return AttentionPlan(tiles: pieces.map(tile))
  }

  private static func cut(_ group: AttentionGroup) -> [Piece] {
    precondition(group.seen.count == group.queries.count, "a group with \(group.seen.count) limits")
    return stride(from: 0, to: group.queries.count, by: maximumQueries).map { first in
      let end = min(first + maximumQueries, group.queries.count)
      var visible: [[Range<Int>]] = []
      for query in first..<end {
        // Neighbours mostly see the same.
        let isSame = query > first && group.seen[query] == group.seen[query - 1]
        visible.append(isSame ? visible[query - first - 1] : prefix(group.seen[query], of: group.keys))
      }
      return Piece(
        queries: group.queries.lowerBound + first..<group.queries.lowerBound + end, visible: visible,
        keys: union(visible.flatMap { $0 }))
    }
  }

  /// The first `count` rows of stretches, as stretches in the order of the rows.
  private static func prefix(_ count: Int, of stretches: [Range<Int>]) -> [Range<Int>] {
    var left = count
    var result: [Range<Int>] = []
    for stretch in stretches where left > 0 && !stretch.isEmpty {
      let taken = min(left, stretch.count)
      result.append(stretch.lowerBound..<stretch.lowerBound + taken)
      left -= taken
    }
    precondition(left == 0, "a query sees more keys than its group has")
    return union(result)
  }

  /// In order, those that touch or overlap joined.
  private static func union(_ stretches: [Range<Int>]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    for stretch in stretches.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, stretch.lowerBound <= last.upperBound {
        result[result.count - 1] = last.lowerBound..<max(last.upperBound, stretch.upperBound)
      } else {
        result.append(stretch)
      }
    }
    return result
  }

  private static func merge(_ first: Piece, _ second: Piece) -> Piece? {
    guard first.queries.upperBound == second.queries.lowerBound,
      first.queries.count + second.queries.count <= maximumQueries
    else { return nil }
    let merged = Piece(
      queries: first.queries.lowerBound..<second.queries.upperBound, visible: first.visible + second.visible,
      keys: union(first.keys + second.keys))
    return merged.cost <= first.cost + second.cost + overhead ? merged : nil
  }

  private static func tile(_ piece: Piece) -> AttentionTile {
    let visible = piece.visible.map { ranges in
      ranges.compactMap { range -> Range<Int>? in
        var first = 0
        for stretch in piece.keys {
          if stretch.contains(range.lowerBound) {
            let start = first + range.lowerBound - stretch.lowerBound
            return start..<start + range.count
          }
          first += stretch.count
        }
        return nil
      }
    }
    return AttentionTile(queries: piece.queries, keys: piece.keys, visible: visible)
  }
}
