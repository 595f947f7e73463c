/// Watches a text that arrives in pieces for the texts that end it, and holds back what may be the beginning of one.
package struct StopFilter {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// Whether a stop text was found; what follows is dropped.
  package private(set) var isStopped = false

  /// - Parameter stops: UTF-8, none empty.
  package init(_ stops: [[UInt8]]) { self.stops = stops }

  /// Takes whole characters and returns those that are certain not to belong to a stop text.
  package mutating func append(_ text: String) -> String {
    guard !isStopped else { return "" }
    guard !stops.isEmpty else { return text }
    held += text.utf8
    if let end = firstStop() {
      isStopped = true
      return take(end)
    }
    return take(held.count - heldBack())
  }

  /// What was held back, when no more comes.
  package mutating func finish() -> String { isStopped ? "" : take(held.count) }

  private mutating func take(_ count: Int) -> String {
    defer { held.removeFirst(count) }
    return String(decoding: held[..<count], as: UTF8.self)
  }

  /// Where the first stop text begins.
  private func firstStop() -> Int? {
    held.indices.first { start in stops.contains { held[start...].starts(with: $0) } }
  }

  /// The length of the longest end that begins a stop text. Stop texts begin with whole characters, and so does what is
  /// held back.
  private func heldBack() -> Int {
    let longest = (stops.map(\.count).max() ?? 1) - 1
    return (0...min(longest, held.count)).reversed().first { length in
      stops.contains { $0.count > length && $0.starts(with: held.suffix(length)) }
    } ?? 0
  }
}
