import Synchronization

/// A schema over a vocabulary: says after every token which tokens may come next.
///
/// ```swift
/// let constraint = JSONConstraint(schema, tokens: TokenTrie(tokenizer))
/// var state = constraint.start()
/// let mask = state.allowedTokens()
/// state.advance(by: token)
/// ```
public final class JSONConstraint: Sendable {
  /// The tokens of the model.
  public let tokens: TokenTrie
  let table: JSONParseTable
  private let walks = Mutex<[WalkKey: TokenWalk]>([:])
  private let masks = Mutex<[StackSet: TokenMask]>([:])

  /// Masks of a large vocabulary take 16 kB each.
  private static let cachedMasks = 256

  /// - Parameter tokens: shared by all constraints of a model.
  public init(_ schema: JSONSchema, tokens: TokenTrie) {
    table = schema.table
    self.tokens = tokens
  }

  /// The state before the first token.
  public func start() -> State { State(self, StackSet([table.start])) }

  /// How far a text is in the language.
  public struct State: Sendable {
    private let constraint: JSONConstraint
    private var stacks: StackSet
    /// Whether an end token was read.
    private var isClosed = false
    private var mask: MaskBox

    init(_ constraint: JSONConstraint, _ stacks: StackSet) {
      self.constraint = constraint
      self.stacks = stacks
      mask = MaskBox()
    }

    /// Whether the text so far conforms as it is.
    public var mayEnd: Bool { stacks.mayEnd(constraint.table) }

    /// Whether the text conforms and nothing can follow.
    public var isComplete: Bool { mayEnd && (isClosed || stacks.open.isEmpty) }

    /// The tokens all of whose bytes keep the text the beginning of a conforming one; end tokens where it may end.
    public func allowedTokens() -> TokenMask {
      if isClosed { return TokenMask(vocabularySize: constraint.tokens.vocabularySize) }
      return mask.value { constraint.mask(stacks) }
    }

    /// Whether ``allowedTokens()`` has a token.
    public func allows(_ token: Int) -> Bool { allowedTokens().contains(token) }

    /// Moves on by a token.
    ///
    /// - Returns: whether it is allowed; if not, nothing changes.
    @discardableResult
    public mutating func advance(by token: Int) -> Bool {
      guard !isClosed else { return false }
      if constraint.tokens.ends.contains(token) {
        isClosed = mayEnd
        return isClosed
      }
      let text = constraint.tokens.text(of: token)
      return !text.isEmpty && advance(byText: text)
    }

    /// Moves on by text that is put into the answer.
    ///
    /// - Parameter text: UTF-8; may end within a character.
    /// - Returns: whether it is allowed; if not, nothing changes.
    @discardableResult
    public mutating func advance(byText text: [UInt8]) -> Bool {
      var next = stacks
      for byte in text {
        next = next.stepped(byte, constraint.table)
        if next.isEmpty { return false }
      }
      if next != stacks { mask = MaskBox() }
      stacks = next
      return true
    }

    /// The shortest text that makes the text so far a conforming one; empty where it may end.
    ///
    /// With it a caller whose tokens run out can close what is open.
    public func forcedCompletion() -> [UInt8] {
      if mayEnd { return [] }
      let texts = stacks.open.map(constraint.table.completion)
      return texts.min { $0.count < $1.count } ?? []
    }
  }

  /// The tokens that may follow.
  func mask(_ stacks: StackSet) -> TokenMask {
    if let known = masks.withLock({ $0[stacks] }) { return known }
    var mask = TokenMask(vocabularySize: tokens.vocabularySize)
    for stack in stacks.open { collect(stack, at: 0, into: &mask) }
    if stacks.mayEnd(table) { for token in tokens.ends { mask.insert(token) } }
    masks.withLock { cache in
      if cache.count >= Self.cachedMasks { cache.removeAll() }
      cache[stacks] = mask
    }
    return mask
  }

  /// What tokens do within one automaton, remembered.
  func walk(_ key: WalkKey, _ make: () -> TokenWalk) -> TokenWalk {
    if let known = walks.withLock({ $0[key] }) { return known }
    let walk = make()
    walks.withLock { cache in
      if cache.count >= Self.cachedMasks { cache.removeAll() }
      cache[key] = walk
    }
    return walk
  }
}

/// The stacks that a text may be at: several where a schema leaves open which of its choices is meant.
struct StackSet: Hashable, Sendable {
  private(set) var open: [ParseStack] = []
  /// Whether the text is complete in one reading.
  private(set) var isEnded = false

  /// Readings beyond these are given up. That loses texts, not conformity.
  private static let maximum = 128

  init(_ stacks: [ParseStack?]) {
    for stack in stacks {
      if let stack {
        if open.count < Self.maximum, !open.contains(stack) { open.append(stack) }
      } else {
        isEnded = true
      }
    }
  }

  var isEmpty: Bool { open.isEmpty && !isEnded }

  func mayEnd(_ table: JSONParseTable) -> Bool { isEnded || open.contains(where: table.mayEnd) }

  func stepped(_ byte: UInt8, _ table: JSONParseTable) -> StackSet {
    var result: [ParseStack?] = []
    for stack in open { table.step(stack, byte, into: &result) }
    return StackSet(result)
  }
}

/// A mask that is made when it is first asked for.
private final class MaskBox: Sendable {
  private let mask = Mutex<TokenMask?>(nil)

  func value(_ make: () -> TokenMask) -> TokenMask {
    mask.withLock { mask in
      if let mask { return mask }
      let made = make()
      mask = made
      return made
    }
  }
}
