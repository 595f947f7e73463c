/// A JSON value together with the file and the path of keys that lead to it, so that its errors can name them.
///
/// In the readers of keys `null` counts as absent, as in the configurations that Python writes.
package struct JSONNode: Sendable {
  package let value: JSONValue
  package let file: String
  /// The keys that lead here, joined by dots; empty at the top.
  package let path: String

  package init(_ value: JSONValue, file: String, path: String = "") {
    self.value = value
    self.file = file
    self.path = path
  }

  /// The value of a key; `nil` if it is absent or null, or if this is no object.
  package subscript(key: String) -> JSONNode? {
    guard case .object(let object) = value, let child = object[key] else { return nil }
    if case .null = child { return nil }
    return JSONNode(child, file: file, path: path.isEmpty ? key : "\(path).\(key)")
  }

  // MARK: this value

  /// - Throws: `wrongType` if this is no integer. A number such as `2048.0` is one.
  package func integer() throws(FormatError) -> Int {
    switch value {
    case .integer(let value): return Int(value)
    case .number(let value): if let value = Int(exactly: value) { return value }
    default: break
    }
    throw wrongType("an integer")
  }

  /// - Throws: `wrongType` if this is no number.
  package func number() throws(FormatError) -> Double {
    switch value {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw wrongType("a number")
    }
  }

  /// - Throws: `wrongType` if this is no truth value.
  package func bool() throws(FormatError) -> Bool {
    if case .bool(let value) = value { return value }
    throw wrongType("true or false")
  }

  /// - Throws: `wrongType` if this is no string.
  package func string() throws(FormatError) -> String {
    if case .string(let value) = value { return value.string }
    throw wrongType("a string")
  }

  /// - Throws: `wrongType` if this is no object.
  package func object() throws(FormatError) -> JSONObject {
    if case .object(let value) = value { return value }
    throw wrongType("an object")
  }

  /// - Throws: `wrongType` if this is no array.
  package func array() throws(FormatError) -> [JSONNode] {
    guard case .array(let values) = value else { throw wrongType("an array") }
    return values.enumerated().map { JSONNode($1, file: file, path: "\(path)[\($0)]") }
  }

  // MARK: the values of keys; of the first that is there, where several are given

  package func integer(_ key: String, _ others: String...) throws(FormatError) -> Int? {
    guard let node = first(key, others) else { return nil }
    return try node.integer()
  }

  package func number(_ key: String, _ others: String...) throws(FormatError) -> Double? {
    guard let node = first(key, others) else { return nil }
    return try node.number()
  }

  package func bool(_ key: String, _ others: String...) throws(FormatError) -> Bool? {
    guard let node = first(key, others) else { return nil }
    return try node.bool()
  }

  package func string(_ key: String, _ others: String...) throws(FormatError) -> String? {
    guard let node = first(key, others) else { return nil }
    return try node.string()
  }

  package func array(_ key: String, _ others: String...) throws(FormatError) -> [JSONNode]? {
    guard let node = first(key, others) else { return nil }
    return try node.array()
  }

  package func object(_ key: String, _ others: String...) throws(FormatError) -> JSONNode? {
    guard let node = first(key, others) else { return nil }
    _ = try node.object()
    return node
  }

  package func strings(_ key: String) throws(FormatError) -> [String]? {
    guard let nodes = try array(key) else { return nil }
    var result: [String] = []
    for node in nodes { result.append(try node.string()) }
    return result
  }

  /// A list of integers, or a single one as a list of one.
  package func integers(_ key: String) throws(FormatError) -> [Int]? {
    guard let node = self[key] else { return nil }
    guard case .array = node.value else { return [try node.integer()] }
    var result: [Int] = []
    for element in try node.array() { result.append(try element.integer()) }
    return result
  }

  private func first(_ key: String, _ others: [String]) -> JSONNode? {
    self[key] ?? others.lazy.compactMap { self[$0] }.first
  }

  /// The value if there is one, as in `try node.required("name", node.string("name"))`.
  ///
  /// - Throws: `missing` if `value` is `nil`.
  package func required<Value>(_ key: String, _ value: Value?) throws(FormatError) -> Value {
    guard let value else {
      throw FormatError(
        .missing, file: file, subject: .key(path.isEmpty ? key : "\(path).\(key)"), "is missing",
        remedy: "The file is incomplete, or not the one that belongs here.")
    }
    return value
  }

  /// An integer from 1 on.
  ///
  /// - Throws: `missing`, `wrongType`, or `malformed` if it is not positive or absurdly large.
  package func requiredSize(_ key: String) throws(FormatError) -> Int {
    let size = try required(key, try integer(key))
    guard size > 0, size <= 1 << 31 else { throw invalid(key, found: "\(size)", expected: "a size from 1 to 2^31") }
    return size
  }

  /// The error that a key has an impossible value.
  package func invalid(_ key: String, found: String, expected: String) -> FormatError {
    FormatError(
      .malformed, file: file, subject: .key(path.isEmpty ? key : "\(path).\(key)"), "has an impossible value",
      found: found, expected: expected)
  }

  private func wrongType(_ expected: String) -> FormatError {
    FormatError(
      .wrongType, file: file, subject: path.isEmpty ? nil : .key(path), "has the wrong type", found: value.kind,
      expected: expected)
  }
}
