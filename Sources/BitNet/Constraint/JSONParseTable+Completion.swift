extension JSONParseTable {
  /// The shortest rest of a text, without spaces.
  func completion(of stack: ParseStack) -> [UInt8] {
    var text: [UInt8] = []
    var current: ParseStack? = stack
    while let stack = current {
      let frame = stack.frame
      current = stack.parent
      switch frame.place {
      case .value, .spacedValue: text += shortest[frame.node, ParseStack.levels(on: stack.parent)] ?? []
      case .regular:
        let (automaton, lengths) = regular(frame.node)
        text += CharacterCounter(lengths, automaton).rest(automaton, frame.state, frame.count)
      case .key: return text + shortestFromKey(stack)
      case .otherKey:
        let rest = restOfOtherKey(stack)
        text += rest + [UInt8(ascii: "\"")]
        current = endKey(stack, tag: 0, key: frame.key + rest)
      case .arrayStart, .arrayNext:
        text +=
          shortest.rest(of: array(frame.node), from: frame.count, levels: ParseStack.levels(on: stack)) ?? []
      case .objectColon:
        var stacks: [ParseStack?] = []
        step(stack, UInt8(ascii: ":"), into: &stacks)
        text.append(UInt8(ascii: ":"))
        current = stacks.first ?? nil
      default: text += restOfObject(stack)
      }
    }
    return text
  }

  /// The shortest of the rests of the keys that have begun so, with all that comes after.
  private func shortestFromKey(_ stack: ParseStack) -> [UInt8] {
    let rests = automaton(of: stack)?.shortestRests(from: stack.frame.state) ?? []
    let texts = rests.compactMap { rest, tag in
      endKey(stack, tag: tag, key: []).map { rest + completion(of: $0) }
    }
    return texts.min { $0.count < $1.count } ?? []
  }

  /// What makes of a key that has begun one that the object does not have yet.
  private func restOfOtherKey(_ stack: ParseStack) -> [UInt8] {
    let automaton = grammar.automata[JSONGrammar.keyAutomaton]
    var rest: [UInt8] = []
    var state = stack.frame.state
    while state != automaton.content, let byte = automaton.nextByteOut(state) {
      rest.append(byte)
      state = automaton.step(state, byte)
    }
    let forbidden = Set(forbiddenKeys(stack))
    while true {
      let key = stack.frame.key + rest
      if !forbidden.contains(key) { return rest }
      if let letter = "abcdefghijklmnopqrstuvwxyz".utf8.first(where: { !forbidden.contains(key + [$0]) }) {
        return rest + [letter]
      }
      rest.append(UInt8(ascii: "a"))
    }
  }

  private func restOfObject(_ stack: ParseStack) -> [UInt8] {
    let frame = stack.frame
    let object = object(frame.node)
    let levels = ParseStack.levels(on: stack)
    let needsKey = frame.place == .objectComma || frame.place == .objectKey
    let isFirst = frame.place != .objectNext
    guard needsKey, object.nextRequired(frame.count) == object.properties.count else {
      return shortest.rest(of: object, from: frame.count, isFirst: isFirst, levels: levels) ?? []
    }
    // After a comma something must come though nothing is required.
    var texts = object.properties[frame.count...].compactMap { shortest.property($0, levels: levels) }
    if let additional = object.additional, let value = shortest[additional, levels] {
      let key = ParseStack(
        ParseFrame(place: .otherKey, node: frame.node, state: grammar.automata[JSONGrammar.keyAutomaton].content),
        on: stack)
      texts.append([UInt8(ascii: "\"")] + restOfOtherKey(key) + Array("\":".utf8) + value)
    }
    return (texts.min { $0.count < $1.count } ?? []) + [UInt8(ascii: "}")]
  }
}
