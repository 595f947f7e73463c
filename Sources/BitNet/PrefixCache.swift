package import Kernels

/// The beginnings of earlier sequences, page by page: a tree in which a node is one page of tokens behind its parent's.
///
/// A sequence that begins as another did takes over its pages instead of computing them. Keys and values depend on all tokens
/// before, so that a page belongs to its whole path; whole pages only, and at least one token is left to compute.
package final class PrefixCache {
  private final class Node {
    var page: CachePage?
    var children: [[Int]: Node] = [:]
    var lastUse = 0

    init(page: CachePage?) { self.page = page }

    /// Whether nobody else holds the page, so that forgetting it frees its memory.
    var isHeldHereOnly: Bool { isKnownUniquelyReferenced(&page) }
  }

  private let root = Node(page: nil)
  private var clock = 0

  package init() {}

  /// The pages that hold the beginning of `tokens`.
  package func pages(for tokens: [Int]) -> [CachePage] {
    clock += 1
    var node = root
    var pages: [CachePage] = []
    for chunk in chunks(of: tokens.dropLast()) {
      guard let next = node.children[chunk], let page = next.page else { break }
      next.lastUse = clock
      pages.append(page)
      node = next
    }
    return pages
  }

  /// Remembers the whole pages of a sequence.
  ///
  /// - Parameters:
  ///   - tokens: whose keys and values have been computed.
  ///   - pages: that hold them.
  package func insert(_ tokens: [Int], pages: [CachePage]) {
    clock += 1
    var node = root
    for (index, chunk) in chunks(of: tokens[...]).enumerated() {
      let next = node.children[chunk] ?? Node(page: pages[index])
      node.children[chunk] = next
      next.lastUse = clock
      node = next
    }
  }

  /// Frees the page that was not used for longest; those behind it are freed before.
  ///
  /// Pages that a sequence holds, too, stay: forgetting them would free nothing.
  ///
  /// - Returns: whether there was one.
  package func freeOldest() -> Bool {
    var oldest: (parent: Node, chunk: [Int], lastUse: Int)?
    /// Whether something can be freed at the node or behind it.
    func visit(_ node: Node) -> Bool {
      var result = false
      for (chunk, child) in node.children {
        if visit(child) {
          result = true
        } else if child.isHeldHereOnly {
          result = true
          if child.lastUse < oldest?.lastUse ?? .max { oldest = (node, chunk, child.lastUse) }
        }
      }
      return result
    }
    guard visit(root), let oldest else { return false }
    oldest.parent.children[oldest.chunk] = nil
    return true
  }

  /// All pages that are remembered.
  package var pages: [CachePage] {
    func collect(_ node: Node) -> [CachePage] { node.children.values.flatMap(collect) + (node.page.map { [$0] } ?? []) }
    return collect(root)
  }

  private func chunks(of tokens: ArraySlice<Int>) -> [[Int]] {
    let size = CachePage.positions
    return stride(from: tokens.startIndex, through: tokens.endIndex - size, by: size).map {
      Array(tokens[$0..<$0 + size])
    }
  }
}
