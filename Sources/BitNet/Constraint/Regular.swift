/// A regular language of byte strings, as an expression.
indirect enum Regular: Sendable {
  case bytes(ByteSet)
  case sequence([Regular])
  case choice([Regular])
  case repeated(Regular, atLeast: Int, atMost: Int?)

  static let nothing = Regular.choice([])
  static let emptyText = Regular.sequence([])

  static func text(_ text: String) -> Regular { .sequence(text.utf8.map { .bytes(ByteSet([$0])) }) }

  static func optional(_ regular: Regular) -> Regular { .repeated(regular, atLeast: 0, atMost: 1) }
}

/// A nondeterministic automaton (Thompson's construction) of several languages, each with a tag.
struct NondeterministicAutomaton {
  private var sets: [ByteSet?] = []
  /// Where a byte of the set leads, or, without a set, where nothing leads.
  private var targets: [[Int32]] = []
  private var tags: [Int32?] = []
  private(set) var start: [Int32] = []

  /// Beyond this a pattern is refused.
  private static let maximumStates = 60_000

  init(_ languages: [(language: Regular, tag: Int32)]) throws(AutomatonTooLarge) {
    var entries: [Int32] = []
    for (language, tag) in languages {
      let end = try add(nil, [])
      tags[Int(end)] = tag
      entries.append(try build(language, end))
    }
    start = closure(entries)
  }

  private mutating func add(_ set: ByteSet?, _ targets: [Int32]) throws(AutomatonTooLarge) -> Int32 {
    guard sets.count < Self.maximumStates else { throw AutomatonTooLarge() }
    sets.append(set)
    self.targets.append(targets)
    tags.append(nil)
    return Int32(sets.count - 1)
  }

  /// Adds states that read a word of the language and arrive at `end`.
  private mutating func build(_ language: Regular, _ end: Int32) throws(AutomatonTooLarge) -> Int32 {
    switch language {
    case .bytes(let set): return try add(set, [end])
    case .sequence(let parts):
      var entry = end
      for part in parts.reversed() { entry = try build(part, entry) }
      return entry
    case .choice(let parts):
      var entries: [Int32] = []
      for part in parts { entries.append(try build(part, end)) }
      return try add(nil, entries)
    case .repeated(let part, let atLeast, let atMost):
      var entry = end
      if let atMost {
        for _ in 0..<max(0, atMost - atLeast) { entry = try add(nil, [try build(part, entry), end]) }
      } else {
        let loop = try add(nil, [])
        targets[Int(loop)] = [try build(part, loop), end]
        entry = loop
      }
      for _ in 0..<atLeast { entry = try build(part, entry) }
      return entry
    }
  }

  /// The states reached without a byte, those that only pass on left out: equal languages then have equal sets.
  private func closure(_ states: [Int32]) -> [Int32] {
    var seen = Set(states)
    var pending = states
    var result: [Int32] = []
    while let state = pending.popLast() {
      if sets[Int(state)] != nil || tags[Int(state)] != nil { result.append(state) }
      guard sets[Int(state)] == nil else { continue }
      for target in targets[Int(state)] where seen.insert(target).inserted { pending.append(target) }
    }
    return result.sorted()
  }

  func step(_ states: [Int32], _ byte: UInt8) -> [Int32]? {
    let reached = states.flatMap { sets[Int($0)]?.contains(byte) == true ? targets[Int($0)] : [] }
    return reached.isEmpty ? nil : closure(Array(Set(reached)))
  }

  func tag(_ states: [Int32]) -> Int32? { states.lazy.compactMap { tags[Int($0)] }.min() }

  /// Bytes that no state tells apart form one class.
  var alphabet: ByteAlphabetClasses { ByteAlphabetClasses(Set(sets.compactMap { $0 })) }
}
