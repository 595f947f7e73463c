/// Neighbouring rows that attend together, and the rows that any of them attends to.
package struct AttentionTile: Sendable {
  /// The rows that attend.
  package let queries: Range<Int>
  /// The rows that are attended to, stretches without overlap; their keys are counted through.
  package let keys: [Range<Int>]
  /// Which of the keys each query sees: ranges in order, without overlap.
  package let visible: [[Range<Int>]]

  package init(queries: Range<Int>, keys: [Range<Int>], visible: [[Range<Int>]]) {
    self.queries = queries
    self.keys = keys
    self.visible = visible
  }

  /// How many keys there are.
  package var keyCount: Int { keys.reduce(0) { $0 + $1.count } }
}

/// How the attention of a pass is computed: the same for all layers.
package struct AttentionPlan: Sendable {
  /// The tiles, whose queries do not overlap.
  package let tiles: [AttentionTile]
  /// The tiles by number, together where they share keys: two threads never write the gradients of the same rows.
  package let clusters: [[Int]]
  /// The most queries of a tile.
  let maximumQueries: Int
  /// The most keys of a tile.
  let maximumKeys: Int

  package init(tiles: [AttentionTile]) {
    self.tiles = tiles
    maximumQueries = tiles.reduce(0) { max($0, $1.queries.count) }
    maximumKeys = tiles.reduce(0) { max($0, $1.keyCount) }
    clusters = Self.clusters(of: tiles)
  }

  private static func clusters(of tiles: [AttentionTile]) -> [[Int]] {
    let stretches = tiles.indices.flatMap { tile in tiles[tile].keys.map { (rows: $0, tile: tile) } }
      .sorted { ($0.rows.lowerBound, $0.tile) < ($1.rows.lowerBound, $1.tile) }
    var parent = Array(tiles.indices)
    func root(_ tile: Int) -> Int {
      var tile = tile
      while parent[tile] != tile {
        parent[tile] = parent[parent[tile]]
        tile = parent[tile]
      }
      return tile
    }
    var end = 0, last = 0
    for stretch in stretches {
      if stretch.rows.lowerBound < end { parent[root(stretch.tile)] = root(last) }
      if stretch.rows.upperBound > end {
        end = stretch.rows.upperBound
        last = stretch.tile
      }
    }
    let members = Dictionary(grouping: tiles.indices, by: root)
    func work(_ cluster: [Int]) -> Int { cluster.reduce(0) { $0 + tiles[$1].queries.count * tiles[$1].keyCount } }
    // The largest first, so that no thread is left with it at the end.
    return members.values.map { (work: work($0), tiles: $0) }
      .sorted { ($0.work, $1.tiles[0]) > ($1.work, $0.tiles[0]) }.map(\.tiles)
  }
}
