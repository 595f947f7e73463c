/// What a Python pickle describes, without making any of it: the objects of Python's types, and for everything else the
/// name of what would be called, and with what.
///
/// Objects refer to each other by number, as they do in the pickle, so that one that contains itself a million times
/// takes no more room than its text.
package struct Pickle: Sendable {
  enum Item: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// Bytes, or an integer of more than 64 bits; of no interest here.
    case other(String)
    case list([Int])
    case dictionary([(key: Int, value: Int)])
    /// A function or class.
    case global(String)
    /// What calling a function or making an object of a class would give.
    indirect case call(Call)
    /// A reference to something outside of the pickle; in PyTorch's files a storage.
    case persistent(Int)
  }

  struct Call: Sendable {
    var function: String
    var arguments: Int
    /// What is put into the object afterwards, if it is a list or dictionary.
    var entries: [(key: Int, value: Int)] = []
    /// The attributes.
    var state: Int?
  }

  var items: [Item] = []
  var top = 0
  /// The names of everything that loading the pickle in Python would call, in order, each once.
  package internal(set) var calls: [String] = []
  /// The position behind the pickle's end.
  package internal(set) var end = 0

  /// The object that the pickle describes.
  package var root: PickleNode { PickleNode(pickle: self, index: top) }
}

/// An object within a pickle.
package struct PickleNode: Sendable {
  let pickle: Pickle
  let index: Int

  private var item: Pickle.Item { pickle.items[index] }
  private func node(_ index: Int) -> PickleNode { PickleNode(pickle: pickle, index: index) }

  package var integer: Int? {
    switch item {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  package var number: Double? {
    switch item {
    case .number(let value): value
    default: integer.map(Double.init)
    }
  }

  package var string: String? { if case .string(let value) = item { value } else { nil } }

  /// The elements of a list, tuple or set.
  package var elements: [PickleNode]? { if case .list(let items) = item { items.map(node) } else { nil } }

  /// The entries of a dictionary, or of an object that is one, whose keys are strings or integers.
  package var entries: [(key: String, value: PickleNode)]? {
    let pairs: [(key: Int, value: Int)]
    switch item {
    case .dictionary(let entries): pairs = entries
    case .call(let call):
      guard call.entries.isEmpty, let state = call.state else {
        pairs = call.entries
        break
      }
      return state == index ? nil : node(state).dictionaryEntries
    default: return nil
    }
    return named(pairs)
  }

  private var dictionaryEntries: [(key: String, value: PickleNode)]? {
    if case .dictionary(let pairs) = item { named(pairs) } else { nil }
  }

  private func named(_ pairs: [(key: Int, value: Int)]) -> [(key: String, value: PickleNode)] {
    pairs.compactMap { pair in
      let key = node(pair.key)
      return (key.string ?? key.integer.map(String.init)).map { ($0, node(pair.value)) }
    }
  }

  /// The value of a key; the last one where it occurs again.
  package subscript(key: String) -> PickleNode? { entries?.last { $0.key == key }?.value }

  /// The function that would be called to make this object, and with what.
  package var call: (function: String, arguments: [PickleNode])? {
    guard case .call(let call) = item else { return nil }
    return (call.function, node(call.arguments).elements ?? [])
  }

  /// What this refers to outside of the pickle.
  package var persistent: PickleNode? { if case .persistent(let index) = item { node(index) } else { nil } }

  /// The object as JSON, with the names of what JSON does not have.
  ///
  /// - Parameter budget: how many values may be made; what is beyond it is left out, as is what lies too deep. An object
  ///   may hold itself, or hold each of few parts many times.
  package func json(budget: inout Int, depth: Int = 16) -> JSONValue {
    budget -= 1
    guard depth > 0, budget > 0 else { return .string("…") }
    switch item {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(Int64(value))
    case .number(let value): return .number(value)
    case .string(let value): return .string(JSONString(value))
    case .other(let kind): return .string(JSONString(kind))
    case .global(let name): return .string(JSONString(name))
    case .persistent: return .string("a reference")
    case .list(let items):
      var values: [JSONValue] = []
      for item in items where budget > 0 { values.append(node(item).json(budget: &budget, depth: depth - 1)) }
      return .array(values)
    case .call(let made) where entries?.isEmpty ?? true:
      // A case of an enumeration is made of its value.
      let arguments = call?.arguments ?? []
      return .string(JSONString((arguments.count == 1 ? arguments[0].string : nil) ?? made.function))
    case .dictionary, .call:
      var result: [(key: JSONString, value: JSONValue)] = []
      for (key, value) in entries ?? [] where budget > 0 {
        result.append((JSONString(key), value.json(budget: &budget, depth: depth - 1)))
      }
      return .object(JSONObject(entries: result))
    }
  }
}
