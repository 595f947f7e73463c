/// What all tokens do that begin within an automaton.
struct TokenWalk: Sendable {
  /// A node of the trie whose bytes have brought the automaton to an end.
  struct Exit {
    let node: Int
    let tag: Int32
  }

  /// Those that stay within it, or end with it.
  var mask: TokenMask
  /// Where others leave it.
  var exits: [Exit] = []
}

/// What a walk depends on: not on what is around the automaton.
struct WalkKey: Hashable {
  let place: ParseFrame.Place
  let node: Int
  let state: Int32
  /// Characters that a string still needs, and has room for, up to what a token can have.
  let needed: Int
  let room: Int
}

extension JSONConstraint {
  /// Adds the tokens that keep `stack` alive, of those that begin with the bytes of `node` (already read).
  func collect(_ stack: ParseStack, at node: Int, into mask: inout TokenMask) {
    guard let automaton = table.automaton(of: stack) else {
      var next: [ParseStack?] = []
      for child in tokens.children(of: node) {
        next.removeAll(keepingCapacity: true)
        table.step(stack, tokens.bytes[child], into: &next)
        guard !next.isEmpty else { continue }
        tokens.insertTokens(endingAt: child, into: &mask)
        guard tokens.hasChildren(child) else { continue }
        for case let stack? in next { collect(stack, at: child, into: &mask) }
      }
      return
    }
    let exits = collectWithin(automaton, stack, at: node, into: &mask)
    for exit in allowed(exits, stack, from: node) {
      if stack.frame.place == .otherKey { tokens.insertTokens(endingAt: exit.node, into: &mask) }
      guard tokens.hasChildren(exit.node) else { continue }
      if let next = after(exit, stack, from: node) { collect(next, at: exit.node, into: &mask) }
    }
  }

  /// Adds the tokens that stay within an automaton.
  ///
  /// - Returns: where others leave it.
  private func collectWithin(
    _ automaton: ByteAutomaton, _ stack: ParseStack, at node: Int, into mask: inout TokenMask
  ) -> [TokenWalk.Exit] {
    let frame = stack.frame
    var exits: [TokenWalk.Exit] = []
    if node > 0 || frame.place == .key {
      // Few tokens: not worth remembering.
      walk(automaton, frame, at: node, into: &mask, &exits)
    } else {
      let known = walk(key(frame)) {
        var walk = TokenWalk(mask: TokenMask(vocabularySize: tokens.vocabularySize))
        self.walk(automaton, frame, at: 0, into: &walk.mask, &walk.exits)
        return walk
      }
      mask.formUnion(known.mask)
      exits = known.exits
    }
    // A number may have ended already.
    if automaton.accepts(frame.state) { exits.append(.init(node: node, tag: automaton.tags[Int(frame.state)])) }
    return exits
  }

  private func key(_ frame: ParseFrame) -> WalkKey {
    var (needed, room) = (0, Int.max)
    if frame.place == .regular {
      let lengths = table.regular(frame.node).lengths
      let enough = tokens.maximumDepth + 1
      needed = min(max(0, lengths.lowerBound - frame.count), enough)
      room = min(lengths.upperBound == .max ? .max : lengths.upperBound - frame.count, enough)
    }
    let node = frame.place == .otherKey ? 0 : frame.node
    return WalkKey(place: frame.place, node: node, state: frame.state, needed: needed, room: room)
  }

  private func walk(
    _ automaton: ByteAutomaton, _ frame: ParseFrame, at start: Int, into mask: inout TokenMask,
    _ exits: inout [TokenWalk.Exit]
  ) {
    let trie = tokens
    let counter = CharacterCounter(
      frame.place == .regular ? table.regular(frame.node).lengths : 0...Int.max, automaton)
    // The ends of other keys depend on the keys that the object has.
    let marksEnds = frame.place != .otherKey
    var states = Array(repeating: Int32(0), count: trie.maximumDepth + 1)
    var counts = Array(repeating: 0, count: trie.maximumDepth + 1)
    states[Int(trie.depths[start])] = frame.state
    counts[Int(trie.depths[start])] = frame.count
    var node = start + 1
    let end = Int(trie.subtreeEnds[start])
    while node < end {
      let depth = Int(trie.depths[node])
      guard let (state, count) = counter.step(automaton, states[depth - 1], counts[depth - 1], trie.bytes[node])
      else {
        node = Int(trie.subtreeEnds[node])
        continue
      }
      let isFinal = automaton.isFinal[Int(state)]
      if marksEnds || !isFinal { trie.insertTokens(endingAt: node, into: &mask) }
      if automaton.accepts(state), trie.hasChildren(node) || !marksEnds {
        exits.append(.init(node: node, tag: automaton.tags[Int(state)]))
      }
      states[depth] = state
      counts[depth] = count
      node = isFinal ? Int(trie.subtreeEnds[node]) : node + 1
    }
  }

  /// The exits of other keys without those that would repeat a key.
  private func allowed(_ exits: [TokenWalk.Exit], _ stack: ParseStack, from node: Int) -> [TokenWalk.Exit] {
    guard stack.frame.place == .otherKey else { return exits }
    let key = stack.frame.key
    let rests = table.forbiddenKeys(stack).filter { $0.starts(with: key) }.map { $0.dropFirst(key.count) }
    let forbidden = Set(rests.compactMap { tokens.find($0 + [UInt8(ascii: "\"")], from: node) })
    return forbidden.isEmpty ? exits : exits.filter { !forbidden.contains($0.node) }
  }

  /// The stack after an exit; `nil` at the end of the text.
  private func after(_ exit: TokenWalk.Exit, _ stack: ParseStack, from node: Int) -> ParseStack? {
    switch stack.frame.place {
    case .regular: return stack.parent
    case .key: return table.endKey(stack, tag: exit.tag, key: [])
    default:
      let rest = tokens.text(from: node, to: exit.node).dropLast()
      return table.endKey(stack, tag: exit.tag, key: stack.frame.key + rest)
    }
  }
}
