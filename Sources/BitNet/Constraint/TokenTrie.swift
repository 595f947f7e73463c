public import Tokenization

/// The tokens of a vocabulary by their bytes, for constraints; made once per model.
///
/// Nodes are in the order of a walk that visits a node before its children, so that the walk is a loop and what cannot
/// be reached is skipped.
public final class TokenTrie: Sendable {
  /// The size of the vocabulary, which may be more than the tokenizer knows.
  public let vocabularySize: Int
  /// The tokens that end a text.
  package let ends: Set<Int>
  /// The byte that leads to a node; the root, node 0, has none.
  let bytes: [UInt8]
  let depths: [UInt16]
  /// Where the nodes below a node end.
  let subtreeEnds: [Int32]
  let parents: [Int32]
  /// A token that ends at a node, or -1.
  private let firstTokens: [Int32]
  /// Another token of the same bytes, or -1; by token.
  private let nextTokens: [Int32]
  private let texts: [[UInt8]]
  let maximumDepth: Int

  /// The tokens of a tokenizer.
  ///
  /// Control tokens print nothing, and those that users have defined may change how the text around them is put
  /// together: a constrained text is made without both.
  ///
  /// - Parameter vocabularySize: how many logits the model gives, if not as many as there are tokens.
  public convenience init(_ tokenizer: Tokenizer, vocabularySize: Int? = nil) {
    let texts = (0..<tokenizer.vocabularySize).map { token -> [UInt8] in
      switch tokenizer.type(of: token) {
      case .normal, .byte: tokenizer.endOfGeneration.contains(token) ? [] : tokenizer.bytes(of: token)
      default: []
      }
    }
    self.init(
      texts, ends: tokenizer.endOfGeneration, vocabularySize: max(vocabularySize ?? 0, tokenizer.vocabularySize))
  }

  /// - Parameters:
  ///   - texts: the bytes of each token; none for tokens that are not to be used.
  ///   - ends: tokens that end a text.
  package init(_ texts: [[UInt8]], ends: Set<Int>, vocabularySize: Int? = nil) {
    self.texts = texts
    self.vocabularySize = max(vocabularySize ?? 0, texts.count)
    self.ends = ends.intersection(0..<self.vocabularySize)
    var nodes = Nodes(tokens: texts.count)
    // Longer than any vocabulary has them; a damaged one may.
    let usable = texts.indices.filter { !texts[$0].isEmpty && texts[$0].count < UInt16.max }
    for token in usable.sorted(by: { texts[$0].lexicographicallyPrecedes(texts[$1]) }) {
      nodes.append(token, texts[token])
    }
    nodes.close(to: 0)
    nodes.ends[0] = Int32(nodes.bytes.count)
    bytes = nodes.bytes
    depths = nodes.depths
    subtreeEnds = nodes.ends
    parents = nodes.parents
    firstTokens = nodes.firstTokens
    nextTokens = nodes.nextTokens
    maximumDepth = Int(nodes.depths.max() ?? 0)
  }

  /// The trie while it is made, from texts in ascending order.
  private struct Nodes {
    var bytes: [UInt8] = [0]
    var depths: [UInt16] = [0]
    var ends: [Int32] = [1]
    var parents: [Int32] = [0]
    var firstTokens: [Int32] = [-1]
    var nextTokens: [Int32]
    /// The nodes that lead to the last one, the root first.
    private var path: [Int32] = [0]

    init(tokens: Int) { nextTokens = Array(repeating: -1, count: tokens) }

    mutating func append(_ token: Int, _ text: [UInt8]) {
      let common = zip(path.dropFirst(), text).prefix { bytes[Int($0)] == $1 }.count
      close(to: common)
      for byte in text[common...] {
        parents.append(path[path.count - 1])
        path.append(Int32(bytes.count))
        bytes.append(byte)
        depths.append(UInt16(path.count - 1))
        ends.append(0)
        firstTokens.append(-1)
      }
      let node = Int(path[path.count - 1])
      nextTokens[token] = firstTokens[node]
      firstTokens[node] = Int32(token)
    }

    mutating func close(to depth: Int) {
      while path.count > depth + 1 { ends[Int(path.removeLast())] = Int32(bytes.count) }
    }
  }

  /// Tokens that make up a text, each the longest that fits; `nil` where a byte has none.
  package func tokens(for text: [UInt8]) -> [Int]? {
    var result: [Int] = []
    var position = 0
    while position < text.count {
      var node = 0, longest: (token: Int, length: Int)?
      for (offset, byte) in text[position...].enumerated() {
        guard let next = child(of: node, byte) else { break }
        node = next
        if firstTokens[node] >= 0 { longest = (Int(firstTokens[node]), offset + 1) }
      }
      guard let longest else { return nil }
      result.append(longest.token)
      position += longest.length
    }
    return result
  }

  private func child(of node: Int, _ byte: UInt8) -> Int? {
    var child = node + 1
    while child < subtreeEnds[node] {
      if bytes[child] == byte { return child }
      child = Int(subtreeEnds[child])
    }
    return nil
  }

  /// The bytes of a token; empty for those that are not used.
  package func text(of token: Int) -> [UInt8] { texts.indices.contains(token) ? texts[token] : [] }

  @inline(__always)
  func insertTokens(endingAt node: Int, into mask: inout TokenMask) {
    var token = firstTokens[node]
    while token >= 0 {
      mask.insert(Int(token))
      token = nextTokens[Int(token)]
    }
  }

  func hasChildren(_ node: Int) -> Bool { Int(subtreeEnds[node]) > node + 1 }

  func children(of node: Int) -> [Int] {
    var children: [Int] = []
    var child = node + 1
    while child < Int(subtreeEnds[node]) {
      children.append(child)
      child = Int(subtreeEnds[child])
    }
    return children
  }

  /// The node that `text` leads to from `node`.
  func find(_ text: [UInt8], from node: Int) -> Int? {
    var node = node
    for byte in text {
      guard let child = children(of: node).first(where: { bytes[$0] == byte }) else { return nil }
      node = child
    }
    return node
  }

  /// The bytes that lead from one node to another below it.
  func text(from node: Int, to descendant: Int) -> [UInt8] {
    var reversed: [UInt8] = []
    var current = descendant
    while current > node {
      reversed.append(bytes[current])
      current = Int(parents[current])
    }
    return reversed.reversed()
  }
}
