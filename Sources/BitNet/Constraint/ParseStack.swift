/// Where a text is within one part of its grammar.
struct ParseFrame: Hashable, Sendable {
  enum Place: Hashable, Sendable {
    /// Before a value; a space may come first, or has come.
    case value, spacedValue
    /// Within a text of a regular node.
    case regular
    /// Within the quotes of a listed key, of any other key.
    case key, otherKey
    /// After `{`; after a comma; after a comma and a space; after a key; after a property's value.
    case objectStart, objectComma, objectKey, objectColon, objectNext
    /// After `[`; after an item.
    case arrayStart, arrayNext
  }

  var place: Place
  /// The node that the part belongs to.
  let node: Int
  /// The automaton's state, within a regular text or a key.
  var state: Int32 = 0
  /// Of a string, the characters; of an object, the first property that may come; of an array, the items.
  var count = 0
  /// The bytes of another key so far.
  var key: [UInt8] = []
  /// The other keys that an object has.
  var usedKeys: UsedKeys?
}

/// Keys that an object has already, the last one first.
final class UsedKeys: Hashable, Sendable {
  let key: [UInt8]
  let previous: UsedKeys?
  private let hash: Int

  init(_ key: [UInt8], after previous: UsedKeys?) {
    self.key = key
    self.previous = previous
    var hasher = Hasher()
    hasher.combine(key)
    hasher.combine(previous?.hash)
    hash = hasher.finalize()
  }

  static func == (a: UsedKeys, b: UsedKeys) -> Bool {
    var (a, b): (UsedKeys?, UsedKeys?) = (a, b)
    while let left = a, let right = b {
      if left === right { return true }
      guard left.hash == right.hash, left.key == right.key else { return false }
      (a, b) = (left.previous, right.previous)
    }
    return a == nil && b == nil
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// The parts that a text is within, the innermost at the top. Stacks share what they have in common.
final class ParseStack: Hashable, Sendable {
  let frame: ParseFrame
  let parent: ParseStack?
  /// How many objects and arrays are open.
  let depth: Int
  private let hash: Int

  init(_ frame: ParseFrame, on parent: ParseStack?) {
    self.frame = frame
    self.parent = parent
    let isContainer =
      switch frame.place {
      case .value, .spacedValue, .regular, .key, .otherKey: false
      default: true
      }
    depth = (parent?.depth ?? 0) + (isContainer ? 1 : 0)
    var hasher = Hasher()
    hasher.combine(frame)
    hasher.combine(parent?.hash)
    hash = hasher.finalize()
  }

  func replacing(_ change: (inout ParseFrame) -> Void) -> ParseStack {
    var frame = frame
    change(&frame)
    return ParseStack(frame, on: parent)
  }

  /// How many more containers a value on this stack may open.
  static func levels(on stack: ParseStack?) -> Int { JSONGrammar.maximumDepth - (stack?.depth ?? 0) }

  static func == (a: ParseStack, b: ParseStack) -> Bool {
    var (a, b): (ParseStack?, ParseStack?) = (a, b)
    while let left = a, let right = b {
      if left === right { return true }
      guard left.hash == right.hash, left.frame == right.frame else { return false }
      (a, b) = (left.parent, right.parent)
    }
    return a == nil && b == nil
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
