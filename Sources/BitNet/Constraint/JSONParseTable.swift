import Synchronization

/// Reads JSON texts of a grammar byte by byte. Every stack that it gives can be brought to an end.
final class JSONParseTable: Sendable {
  let grammar: JSONGrammar
  let leaves: [[Int]]
  let shortest: ShortestTexts

  /// The keys that may come next in an object.
  private struct KeyWindow: Hashable {
    let node: Int
    let first: Int
    let levels: Int
  }
  private let keyAutomata = Mutex<[KeyWindow: ByteAutomaton]>([:])

  init(_ grammar: JSONGrammar) {
    self.grammar = grammar
    leaves = grammar.leaves()
    shortest = ShortestTexts(grammar, leaves: leaves)
  }

  var isEmpty: Bool { shortest[grammar.root, JSONGrammar.maximumDepth] == nil }

  var start: ParseStack { ParseStack(ParseFrame(place: .spacedValue, node: grammar.root), on: nil) }

  /// Whether a text may end here.
  func mayEnd(_ stack: ParseStack) -> Bool {
    stack.parent == nil && stack.frame.place == .regular && automaton(of: stack)?.accepts(stack.frame.state) == true
  }

  // MARK: automata

  func object(_ node: Int) -> JSONGrammar.Object {
    if case .object(let object) = grammar.nodes[node] { object } else { JSONGrammar.Object() }
  }

  func array(_ node: Int) -> JSONGrammar.Array {
    if case .array(let array) = grammar.nodes[node] { array } else { JSONGrammar.Array() }
  }

  func regular(_ node: Int) -> (automaton: ByteAutomaton, lengths: ClosedRange<Int>) {
    guard case .regular(let automaton, let lengths) = grammar.nodes[node] else {
      preconditionFailure("node \(node) is not regular")
    }
    return (grammar.automata[automaton], lengths)
  }

  /// The automaton that the top of a stack is in.
  func automaton(of stack: ParseStack) -> ByteAutomaton? {
    switch stack.frame.place {
    case .regular: regular(stack.frame.node).automaton
    case .key: keyAutomaton(stack.frame.node, first: stack.frame.count, levels: ParseStack.levels(on: stack.parent))
    case .otherKey: grammar.automata[JSONGrammar.keyAutomaton]
    default: nil
    }
  }

  /// The quoted names of the properties that may follow when those before `first` are written or skipped, each with
  /// its number: up to the first required one.
  private func keyAutomaton(_ node: Int, first: Int, levels: Int) -> ByteAutomaton? {
    let window = KeyWindow(node: node, first: first, levels: shortest.clamped(levels))
    if let known = keyAutomata.withLock({ $0[window] }) { return known }
    let object = object(node)
    let last = min(object.nextRequired(first), object.properties.count - 1)
    let names = (first..<max(first, last + 1)).filter { shortest[object.properties[$0].node, levels] != nil }
    // The compiler has seen that all names together are not too many.
    let automaton = try? ByteAutomaton(names.map { (object.properties[$0].name, Int32($0)) })
    if let automaton { keyAutomata.withLock { $0[window] = automaton } }
    return automaton
  }

  /// Whether keys that are not listed may come.
  private func mayHaveOtherKeys(_ object: JSONGrammar.Object, first: Int, levels: Int) -> Bool {
    guard let additional = object.additional, shortest[additional, levels] != nil else { return false }
    return object.nextRequired(first) == object.properties.count
  }

  // MARK: steps

  /// Reads a byte: adds the stacks that there may be after it; `nil` stands for the end of the text.
  func step(_ stack: ParseStack, _ byte: UInt8, into result: inout [ParseStack?]) {
    switch stack.frame.place {
    case .value where byte == UInt8(ascii: " "): result.append(stack.replacing { $0.place = .spacedValue })
    case .value, .spacedValue: begin(stack.frame.node, byte, on: stack.parent, into: &result)
    case .regular: stepRegular(stack, byte, into: &result)
    case .key, .otherKey: stepKey(stack, byte, into: &result)
    case .arrayStart, .arrayNext: stepArray(stack, byte, into: &result)
    default: stepObject(stack, byte, into: &result)
    }
  }

  private func begin(_ node: Int, _ byte: UInt8, on parent: ParseStack?, into result: inout [ParseStack?]) {
    let levels = ParseStack.levels(on: parent)
    for leaf in leaves[node] where shortest[leaf, levels] != nil {
      switch grammar.nodes[leaf] {
      case .choice: break
      case .regular(let number, _):
        let automaton = grammar.automata[number]
        let state = automaton.step(ByteAutomaton.start, byte)
        guard state >= 0 else { continue }
        let frame = ParseFrame(place: .regular, node: leaf, state: state)
        result.append(automaton.isFinal[Int(state)] ? parent : ParseStack(frame, on: parent))
      case .object where byte == UInt8(ascii: "{"):
        result.append(ParseStack(ParseFrame(place: .objectStart, node: leaf), on: parent))
      case .array where byte == UInt8(ascii: "["):
        result.append(ParseStack(ParseFrame(place: .arrayStart, node: leaf), on: parent))
      case .object, .array: break
      }
    }
  }

  private func stepRegular(_ stack: ParseStack, _ byte: UInt8, into result: inout [ParseStack?]) {
    let (automaton, lengths) = regular(stack.frame.node)
    let counter = CharacterCounter(lengths, automaton)
    if let (state, count) = counter.step(automaton, stack.frame.state, stack.frame.count, byte) {
      let isFinal = automaton.isFinal[Int(state)]
      result.append(
        isFinal
          ? stack.parent
          : stack.replacing {
            $0.state = state
            $0.count = count
          })
    }
    // A number ends where something else begins.
    if let parent = stack.parent, automaton.accepts(stack.frame.state) { step(parent, byte, into: &result) }
  }

  private func stepKey(_ stack: ParseStack, _ byte: UInt8, into result: inout [ParseStack?]) {
    guard let automaton = automaton(of: stack) else { return }
    let state = automaton.step(stack.frame.state, byte)
    guard state >= 0 else { return }
    let tag = automaton.tags[Int(state)]
    if tag < 0 {
      result.append(
        stack.replacing {
          $0.state = state
          if $0.place == .otherKey { $0.key.append(byte) }
        })
    } else if let next = endKey(stack, tag: tag, key: stack.frame.key) {
      result.append(next)
    }
  }

  /// The stack after the closing quote of a key; `nil` if the object has that key.
  func endKey(_ stack: ParseStack, tag: Int32, key: [UInt8]) -> ParseStack? {
    guard stack.frame.place == .otherKey else {
      return stack.parent?.replacing {
        $0.place = .objectColon
        $0.count = Int(tag)
      }
    }
    guard !forbiddenKeys(stack).contains(key) else { return nil }
    let object = object(stack.frame.node)
    return stack.parent?.replacing {
      $0.place = .objectColon
      $0.count = object.properties.count
      $0.usedKeys = UsedKeys(key, after: $0.usedKeys)
    }
  }

  /// What a key that is not listed must not be, by its bytes.
  func forbiddenKeys(_ stack: ParseStack) -> [[UInt8]] {
    var keys = object(stack.frame.node).properties.map(\.uniqueName)
    var used = stack.parent?.frame.usedKeys
    while let key = used {
      keys.append(key.key)
      used = key.previous
    }
    return keys
  }

  private func stepObject(_ stack: ParseStack, _ byte: UInt8, into result: inout [ParseStack?]) {
    let frame = stack.frame
    let object = object(frame.node)
    switch (frame.place, byte) {
    case (.objectStart, UInt8(ascii: "}")), (.objectNext, UInt8(ascii: "}")):
      if object.nextRequired(frame.count) == object.properties.count { result.append(stack.parent) }
    case (.objectStart, UInt8(ascii: "\"")), (.objectComma, UInt8(ascii: "\"")), (.objectKey, UInt8(ascii: "\"")):
      result += keys(of: stack).map { Optional($0) }
    case (.objectComma, UInt8(ascii: " ")): result.append(stack.replacing { $0.place = .objectKey })
    case (.objectNext, UInt8(ascii: ",")):
      if !keys(of: stack).isEmpty { result.append(stack.replacing { $0.place = .objectComma }) }
    case (.objectColon, UInt8(ascii: ":")):
      guard let node = frame.count < object.properties.count ? object.properties[frame.count].node : object.additional
      else { return }
      let parent = stack.replacing {
        $0.place = .objectNext
        $0.count = min(frame.count + 1, object.properties.count)
      }
      result.append(ParseStack(ParseFrame(place: .value, node: node), on: parent))
    default: break
    }
  }

  /// The stacks after the opening quote of a key.
  private func keys(of stack: ParseStack) -> [ParseStack] {
    let frame = stack.frame
    let levels = ParseStack.levels(on: stack)
    let quote = UInt8(ascii: "\"")
    var result: [ParseStack] = []
    if let automaton = keyAutomaton(frame.node, first: frame.count, levels: levels), !automaton.isEmpty {
      let state = automaton.step(ByteAutomaton.start, quote)
      result.append(
        ParseStack(ParseFrame(place: .key, node: frame.node, state: state, count: frame.count), on: stack))
    }
    if mayHaveOtherKeys(object(frame.node), first: frame.count, levels: levels) {
      let state = grammar.automata[JSONGrammar.keyAutomaton].content
      result.append(ParseStack(ParseFrame(place: .otherKey, node: frame.node, state: state), on: stack))
    }
    return result
  }

  private func stepArray(_ stack: ParseStack, _ byte: UInt8, into result: inout [ParseStack?]) {
    let count = stack.frame.count
    let array = array(stack.frame.node)
    if byte == UInt8(ascii: "]") {
      if count >= array.minimum { result.append(stack.parent) }
      return
    }
    guard let node = array.node(count), shortest[node, ParseStack.levels(on: stack)] != nil else { return }
    // Beyond these all counts are alike.
    let limit = max(array.prefix.count, array.minimum, array.maximum == .max ? 0 : array.maximum)
    let next = stack.replacing {
      $0.place = .arrayNext
      $0.count = min(count + 1, max(limit, 1))
    }
    if stack.frame.place == .arrayStart {
      begin(node, byte, on: next, into: &result)
    } else if byte == UInt8(ascii: ",") {
      result.append(ParseStack(ParseFrame(place: .value, node: node), on: next))
    }
  }
}

/// Counts the characters of a string and keeps their number within bounds.
struct CharacterCounter {
  let lengths: ClosedRange<Int>
  private let content: Int32?

  /// - Parameter automaton: that of all strings, unless `lengths` permits every length.
  init(_ lengths: ClosedRange<Int>, _ automaton: ByteAutomaton) {
    self.lengths = lengths
    content = lengths == 0...Int.max ? nil : automaton.content
  }

  @inline(__always)
  func step(_ automaton: ByteAutomaton, _ state: Int32, _ count: Int, _ byte: UInt8) -> (state: Int32, count: Int)? {
    let next = automaton.step(state, byte)
    guard next >= 0 else { return nil }
    guard let content else { return (next, 0) }
    if state == content {
      let isInBounds = byte == UInt8(ascii: "\"") ? count >= lengths.lowerBound : count < lengths.upperBound
      guard isInBounds else { return nil }
    }
    return (next, next == content ? count + 1 : count)
  }

  /// The shortest rest of a string.
  func rest(_ automaton: ByteAutomaton, _ state: Int32, _ count: Int) -> [UInt8] {
    var (state, count, rest) = (state, count, [UInt8]())
    while true {
      if state == content, count < lengths.lowerBound {
        rest += Array(repeating: UInt8(ascii: "a"), count: lengths.lowerBound - count)
        count = lengths.lowerBound
      }
      guard let byte = automaton.nextByteOut(state) else { return rest }
      rest.append(byte)
      state = automaton.step(state, byte)
      if state == content { count += 1 }
    }
  }
}
