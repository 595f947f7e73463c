/// A queue in which clients take turns: one who asks for much waits behind those who ask for little.
package struct FairQueue<Element> {
  private var lines: [String: [Element]] = [:]
  /// The clients that have something waiting, in the order of their turns.
  private var turns: [String] = []
  package private(set) var count = 0

  package init() {}

  package mutating func append(_ element: Element, client: String) {
    if lines[client] == nil { turns.append(client) }
    lines[client, default: []].append(element)
    count += 1
  }

  /// Takes the first element of the client whose turn it is.
  package mutating func popFirst() -> Element? {
    guard let client = turns.first, let element = lines[client]?.removeFirst() else { return nil }
    turns.removeFirst()
    count -= 1
    if lines[client]?.isEmpty ?? true { lines[client] = nil } else { turns.append(client) }
    return element
  }

  /// Takes out all elements that satisfy a condition.
  package mutating func removeAll(where isRemoved: (Element) -> Bool) -> [Element] {
    var removed: [Element] = []
    for client in turns {
      lines[client]?.removeAll { element in
        guard isRemoved(element) else { return false }
        removed.append(element)
        return true
      }
      if lines[client]?.isEmpty ?? true { lines[client] = nil }
    }
    turns.removeAll { lines[$0] == nil }
    count -= removed.count
    return removed
  }
}
