/// What a JSON text must look like: nodes that are regular, choices, objects or arrays.
struct JSONGrammar: Sendable {
  struct Property: Sendable {
    let name: Regular
    /// As ``JSONLanguages/key`` writes it, without quotes.
    let uniqueName: [UInt8]
    let node: Int
    let isRequired: Bool
  }

  struct Object: Sendable {
    var properties: [Property] = []
    /// What the values of other keys are; `nil` if there must be none.
    var additional: Int?

    /// The first required property from `index` on, or the number of properties.
    func nextRequired(_ index: Int) -> Int {
      properties[index...].firstIndex(where: \.isRequired) ?? properties.count
    }
  }

  struct Array: Sendable {
    var prefix: [Int] = []
    /// What follows the prefix; `nil` if nothing may.
    var items: Int?
    var minimum = 0
    var maximum = Int.max

    /// The node of an item, if there may be one.
    func node(_ index: Int) -> Int? { index >= maximum ? nil : index < prefix.count ? prefix[index] : items }
  }

  enum Node: Sendable {
    /// A text of an automaton; of so many characters, where the automaton is that of all strings.
    case regular(automaton: Int, lengths: ClosedRange<Int>)
    case choice([Int])
    case object(Object)
    case array(Array)
  }

  var nodes: [Node] = []
  var automata: [ByteAutomaton] = []
  var root = 0

  /// Containers within containers; what ``JSONParser`` and every other reader can take.
  static let maximumDepth = 64
  /// Every grammar's first automata.
  static let stringAutomaton = 0
  static let keyAutomaton = 1

  /// The nodes that a node may be, choices resolved.
  func leaves() -> [[Int]] {
    nodes.indices.map { start in
      var seen: Set<Int> = [start]
      var pending = [start]
      var leaves: [Int] = []
      while let node = pending.popLast() {
        guard case .choice(let parts) = nodes[node] else {
          leaves.append(node)
          continue
        }
        // A choice that leads to itself adds nothing.
        for part in parts.reversed() where seen.insert(part).inserted { pending.append(part) }
      }
      return leaves
    }
  }
}

/// The shortest texts of a grammar's nodes, by how many more levels of containers there may be.
///
/// That is also what says which nodes can be begun: those that have a text.
struct ShortestTexts: Sendable {
  /// `[levels][node]`; beyond the last level nothing changes.
  private var texts: [[[UInt8]?]] = []

  /// Bytes of one text, and of all texts of a level. What demands more counts as having no text: schemas come from
  /// strangers.
  private static let maximumLength = 1 << 15
  private static let maximumTotal = 1 << 22

  init(_ grammar: JSONGrammar, leaves: [[Int]]) {
    for levels in 0...JSONGrammar.maximumDepth {
      let own = grammar.nodes.indices.map { node -> [UInt8]? in
        switch grammar.nodes[node] {
        case .choice: nil
        case .regular(let automaton, let lengths): Self.text(grammar.automata[automaton], lengths)
        case .object(let object): levels == 0 ? nil : text(object, levels - 1)
        case .array(let array): levels == 0 ? nil : text(array, levels - 1)
        }
      }
      let all = leaves.map { leaves in leaves.compactMap { own[$0] }.min { $0.count < $1.count } }
      if all == texts.last { return }
      guard all.reduce(0, { $0 + ($1?.count ?? 0) }) <= Self.maximumTotal else {
        texts = [grammar.nodes.map { _ in nil }]
        return
      }
      texts.append(all)
    }
  }

  /// `levels`, as far as it makes a difference.
  func clamped(_ levels: Int) -> Int { min(levels, texts.count - 1) }

  /// `nil` if no text of the node is so flat.
  subscript(node: Int, levels: Int) -> [UInt8]? { levels < 0 ? nil : texts[clamped(levels)][node] }

  private static func text(_ automaton: ByteAutomaton, _ lengths: ClosedRange<Int>) -> [UInt8]? {
    guard !automaton.isEmpty, lengths.lowerBound <= maximumLength else { return nil }
    var text: [UInt8] = []
    var state = ByteAutomaton.start
    while let byte = automaton.nextByteOut(state) {
      text.append(byte)
      state = automaton.step(state, byte)
    }
    text.insert(
      contentsOf: Array(repeating: UInt8(ascii: "a"), count: lengths.lowerBound), at: lengths.lowerBound > 0 ? 1 : 0)
    return text
  }

  private func text(_ object: JSONGrammar.Object, _ levels: Int) -> [UInt8]? {
    guard let rest = rest(of: object, from: 0, isFirst: true, levels: levels) else { return nil }
    return [UInt8(ascii: "{")] + rest
  }

  private func text(_ array: JSONGrammar.Array, _ levels: Int) -> [UInt8]? {
    guard let rest = rest(of: array, from: 0, levels: levels) else { return nil }
    return [UInt8(ascii: "[")] + rest
  }

  /// A property with its name and colon.
  func property(_ property: JSONGrammar.Property, levels: Int) -> [UInt8]? {
    self[property.node, levels].map { [UInt8(ascii: "\"")] + property.uniqueName + Array("\":".utf8) + $0 }
  }

  /// What ends an object whose properties before `index` are written or skipped.
  func rest(of object: JSONGrammar.Object, from index: Int, isFirst: Bool, levels: Int) -> [UInt8]? {
    var text: [UInt8] = []
    for property in object.properties[index...] where property.isRequired {
      guard let next = self.property(property, levels: levels) else { return nil }
      if !isFirst || !text.isEmpty { text.append(UInt8(ascii: ",")) }
      text += next
      guard text.count <= Self.maximumLength else { return nil }
    }
    return text + [UInt8(ascii: "}")]
  }

  /// What ends an array that has `index` items.
  func rest(of array: JSONGrammar.Array, from index: Int, levels: Int) -> [UInt8]? {
    var text: [UInt8] = []
    for item in stride(from: index, to: array.minimum, by: 1) {
      guard let node = array.node(item), let next = self[node, levels] else { return nil }
      if item > 0 { text.append(UInt8(ascii: ",")) }
      text += next
      guard text.count <= Self.maximumLength else { return nil }
    }
    return text + [UInt8(ascii: "]")]
  }
}
