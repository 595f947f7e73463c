/// Finds what somebody who mistyped a name may have meant.
package enum Suggestion {
  /// The candidate that takes the fewest single-character edits, if they are few.
  package static func nearest(to name: String, of candidates: some Sequence<String>) -> String? {
    let name = Array(name.utf8.prefix(64))
    let limit = name.count <= 3 ? 1 : 2
    let ranked = candidates.map { (distance: distance(name, Array($0.utf8)), name: $0) }
    return ranked.filter { $0.distance <= limit }.min { ($0.distance, $0.name) < ($1.distance, $1.name) }?.name
  }

  /// Insertions, deletions and replacements that turn one into the other (Levenshtein).
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[b.count]
  }
}
