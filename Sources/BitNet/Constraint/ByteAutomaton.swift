/// An automaton has more states than are worth having.
struct AutomatonTooLarge: Error {}

/// Classes of bytes that an automaton need not tell apart.
struct ByteAlphabetClasses: Sendable {
  private(set) var classes: [UInt8] = Array(repeating: 0, count: 256)
  /// One byte of each class.
  private(set) var representatives: [UInt8] = []

  init(_ sets: some Collection<ByteSet>) {
    let sets = Array(sets)
    var known: [[Bool]: UInt8] = [:]
    for byte in UInt8.min...UInt8.max {
      let signature = sets.map { $0.contains(byte) }
      let number = known[signature] ?? UInt8(representatives.count)
      if known.updateValue(number, forKey: signature) == nil { representatives.append(byte) }
      classes[Int(byte)] = number
    }
  }

  /// The classes that tell apart what either of two does.
  func refined(by other: ByteAlphabetClasses) -> ByteAlphabetClasses {
    func sets(_ alphabet: ByteAlphabetClasses) -> [ByteSet] {
      alphabet.representatives.indices.map { number in
        ByteSet((UInt8.min...UInt8.max).filter { alphabet.classes[Int($0)] == number })
      }
    }
    return ByteAlphabetClasses(sets(self) + sets(other))
  }
}

/// A deterministic automaton over bytes, every state of which can still reach an end.
struct ByteAutomaton: Sendable {
  static let dead: Int32 = -1

  private(set) var isEmpty = false
  /// Which of its languages the text read so far is in; `dead` if in none.
  private(set) var tags: [Int32] = []
  /// Whether the text read so far is in a language and no longer text is.
  private(set) var isFinal: [Bool] = []
  private var next: [Int32] = []
  private let alphabet: ByteAlphabetClasses
  private let classes: [UInt8]
  private let classCount: Int
  /// For each state, the first byte of a shortest way to an end.
  private var wayOut: [UInt8] = []

  static let start: Int32 = 0
  private static let maximumStates = 20_000

  /// Explores the states that can be reached from `start`.
  init<State: Hashable>(
    start: State, alphabet: ByteAlphabetClasses, step: (State, UInt8) -> State?, tag: (State) -> Int32?
  ) throws(AutomatonTooLarge) {
    self.alphabet = alphabet
    classes = alphabet.classes
    classCount = alphabet.representatives.count
    var numbers = [start: Int32(0)]
    var states = [start]
    var current = 0
    while current < states.count {
      let state = states[current]
      tags.append(tag(state) ?? Self.dead)
      for byte in alphabet.representatives {
        guard let target = step(state, byte) else {
          next.append(Self.dead)
          continue
        }
        if let number = numbers[target] {
          next.append(number)
        } else {
          guard states.count < Self.maximumStates else { throw AutomatonTooLarge() }
          numbers[target] = Int32(states.count)
          next.append(Int32(states.count))
          states.append(target)
        }
      }
      current += 1
    }
    prune(alphabet.representatives)
  }

  /// The automaton of several languages.
  init(_ languages: [(language: Regular, tag: Int32)]) throws(AutomatonTooLarge) {
    let source = try NondeterministicAutomaton(languages)
    try self.init(start: source.start, alphabet: source.alphabet, step: source.step, tag: source.tag)
  }

  /// The automaton of one language.
  init(_ language: Regular) throws(AutomatonTooLarge) { try self.init([(language, 0)]) }

  /// The words of `language` that are JSON strings of so many characters.
  ///
  /// - Parameter text: the automaton of all JSON strings, which says where characters end.
  init(_ language: ByteAutomaton, text: ByteAutomaton, lengths: ClosedRange<Int>) throws(AutomatonTooLarge) {
    struct State: Hashable {
      var word = ByteAutomaton.start
      var text = ByteAutomaton.start
      var count = 0
    }
    let content = text.content
    let limit = lengths.upperBound == .max ? lengths.lowerBound : lengths.upperBound
    try self.init(
      start: State(), alphabet: language.alphabet.refined(by: text.alphabet),
      step: { state, byte in
        var next = State(word: language.step(state.word, byte), text: text.step(state.text, byte), count: state.count)
        guard next.word >= 0, next.text >= 0 else { return nil }
        if next.text == content, state.text != ByteAutomaton.start {
          guard state.count < limit || lengths.upperBound == .max else { return nil }
          next.count = min(state.count + 1, limit)
        }
        return next
      },
      tag: { language.accepts($0.word) && $0.count >= lengths.lowerBound ? 0 : nil })
  }

  /// In the automaton of all strings, the state between two characters.
  var content: Int32 { step(Self.start, UInt8(ascii: "\"")) }

  /// Cuts the ways into states without an end, and notes the shortest ways out of the others.
  private mutating func prune(_ representatives: [UInt8]) {
    var sources = Array(repeating: [(state: Int32, class: Int)](), count: tags.count)
    for index in next.indices where next[index] >= 0 {
      sources[Int(next[index])].append((Int32(index / classCount), index % classCount))
    }
    wayOut = Array(repeating: 0, count: tags.count)
    var isAlive = tags.map { $0 >= 0 }
    var queue = tags.indices.filter { isAlive[$0] }
    var current = 0
    while current < queue.count {
      for (state, byteClass) in sources[queue[current]] where !isAlive[Int(state)] {
        isAlive[Int(state)] = true
        wayOut[Int(state)] = representatives[byteClass]
        queue.append(Int(state))
      }
      current += 1
    }
    for index in next.indices where next[index] >= 0 && !isAlive[Int(next[index])] { next[index] = Self.dead }
    isEmpty = !isAlive[0]
    isFinal = tags.indices.map { state in
      tags[state] >= 0 && next[(state * classCount)..<((state + 1) * classCount)].allSatisfy { $0 < 0 }
    }
  }

  @inline(__always)
  func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    next[Int(state) * classCount + Int(classes[Int(byte)])]
  }

  func accepts(_ state: Int32) -> Bool { tags[Int(state)] >= 0 }

  /// The next byte of a shortest way from a state to an end; `nil` where the text may end.
  func nextByteOut(_ state: Int32) -> UInt8? { accepts(state) ? nil : wayOut[Int(state)] }

  /// For each language that can be reached, a shortest rest.
  func shortestRests(from state: Int32) -> [(rest: [UInt8], tag: Int32)] {
    var result: [(rest: [UInt8], tag: Int32)] = []
    var seen: Set<Int32> = [state]
    var queue: [(state: Int32, rest: [UInt8])] = [(state, [])]
    var current = 0
    while current < queue.count {
      let (state, rest) = queue[current]
      let tag = tags[Int(state)]
      if tag >= 0, !result.contains(where: { $0.tag == tag }) { result.append((rest, tag)) }
      for byte in UInt8.min...UInt8.max {
        let target = step(state, byte)
        if target >= 0, seen.insert(target).inserted { queue.append((target, rest + [byte])) }
      }
      current += 1
    }
    return result
  }
}
