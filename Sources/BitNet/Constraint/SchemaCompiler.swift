import ModelFormats

/// Makes a grammar of a JSON Schema.
struct SchemaCompiler {
  static let types = ["object", "array", "string", "number", "integer", "boolean", "null"]

  /// Where references lead into.
  private var document: JSONValue
  var grammar = JSONGrammar()
  /// The nodes of what references point to; also of those that are being compiled.
  private var references: [String: Int] = [:]
  private var anyNode: Int?
  private var depth = 0

  /// Schemas within schemas; merging can make some that never end.
  private static let maximumDepth = 200
  private static let maximumNodes = 50_000

  private init(_ document: JSONValue) { self.document = document }

  static func compile(_ document: JSONValue) throws(JSONSchemaError) -> JSONGrammar {
    var compiler = SchemaCompiler(document)
    try compiler.addBasicAutomata()
    compiler.grammar.root = try compiler.node(document, "")
    return compiler.grammar
  }

  /// The grammar of any JSON object.
  static func anyObject() throws(JSONSchemaError) -> JSONGrammar {
    try compile(.object(JSONObject(entries: [("type", .string("object"))])))
  }

  /// The grammar of a call of one of some functions: an object with its name and its arguments, in this order.
  static func compile(
    callsOf functions: [JSONSchema.Function], argumentsKey: String
  ) throws(JSONSchemaError) -> JSONGrammar {
    var compiler = SchemaCompiler(.null)
    try compiler.addBasicAutomata()
    var calls: [(function: JSONSchema.Function, arguments: Int, node: Int)] = []
    for function in functions {
      compiler.document = function.parameters
      compiler.references = [:]
      let name = try compiler.regular(JSONLanguages.string(JSONString(function.name)), function.path, "name")
      let arguments = try compiler.node(function.parameters, function.path)
      var call = JSONGrammar.Object()
      for (key, node) in [("name", name), (argumentsKey, arguments)] {
        call.properties.append(
          JSONGrammar.Property(
            name: JSONLanguages.string(JSONString(key)), uniqueName: Array(key.utf8), node: node, isRequired: true))
      }
      calls.append((function, arguments, compiler.add(.object(call))))
    }
    compiler.grammar.root = compiler.add(.choice(calls.map(\.node)))
    let leaves = compiler.grammar.leaves()
    for call in calls {
      let areObjects = leaves[call.arguments].allSatisfy {
        if case .object = compiler.grammar.nodes[$0] { true } else { false }
      }
      guard areObjects else {
        throw JSONSchemaError(call.function.path, "type", "must be \"object\": arguments have names")
      }
    }
    return compiler.grammar
  }

  private mutating func addBasicAutomata() throws(JSONSchemaError) {
    _ = try automaton(JSONLanguages.string, "", "type")
    _ = try automaton(JSONLanguages.key, "", "type")
  }

  // MARK: nodes

  mutating func add(_ node: JSONGrammar.Node) -> Int {
    grammar.nodes.append(node)
    return grammar.nodes.count - 1
  }

  mutating func automaton(
    _ path: String, _ keyword: String, _ make: () throws(AutomatonTooLarge) -> ByteAutomaton
  ) throws(JSONSchemaError) -> Int {
    do {
      grammar.automata.append(try make())
    } catch {
      throw JSONSchemaError(path, keyword, "makes the constraint too large", remedy: "Use a simpler or smaller one.")
    }
    return grammar.automata.count - 1
  }

  mutating func automaton(_ language: Regular, _ path: String, _ keyword: String) throws(JSONSchemaError) -> Int {
    try automaton(path, keyword) { () throws(AutomatonTooLarge) in try ByteAutomaton(language) }
  }

  mutating func regular(_ language: Regular, _ path: String, _ keyword: String) throws(JSONSchemaError) -> Int {
    add(.regular(automaton: try automaton(language, path, keyword), lengths: 0...Int.max))
  }

  /// Any value.
  mutating func any(_ path: String) throws(JSONSchemaError) -> Int {
    if let anyNode { return anyNode }
    let node = add(.choice([]))
    anyNode = node
    let object = JSONObject(entries: [])
    var parts: [Int] = []
    for type in Self.types where type != "integer" { parts.append(try self.node(ofType: type, object, path)) }
    grammar.nodes[node] = .choice(parts)
    return node
  }

  // MARK: schemas

  mutating func node(_ schema: JSONValue, _ path: String) throws(JSONSchemaError) -> Int {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth, grammar.nodes.count < Self.maximumNodes else {
      throw JSONSchemaError(path, "", "is too large or has an allOf that never ends")
    }
    switch schema {
    case .bool(true): return try any(path)
    case .bool(false): return add(.choice([]))
    case .object(let object):
      try SchemaKeywords.check(object, path)
      return try node(object, path)
    default: throw JSONSchemaError(path, "", "is \(schema.kind), expected an object, true or false")
    }
  }

  private mutating func node(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    if case .bool(true)? = schema["nullable"] {
      let rest = try node(.object(schema.without(["nullable"])), path)
      return add(.choice([rest, try regular(.text("null"), path, "nullable")]))
    }
    if let reference = schema["$ref"] {
      guard SchemaKeywords.constrains(schema, except: ["$ref", "nullable"]) else {
        return try node(ofReference: reference, path)
      }
      let target = JSONValue.object(JSONObject(entries: [("allOf", .array([try resolve(reference, path).value]))]))
      return try node(combining: schema.without(["$ref"]), [target], path)
    }
    if let all = schema["allOf"] {
      return try node(combining: schema.without(["allOf"]), try schemas(all, "allOf", path), path)
    }
    for key in ["anyOf", "oneOf"] {
      guard let choices = schema[key] else { continue }
      let rest = schema.without([key])
      let isAlone = !SchemaKeywords.constrains(rest, except: ["nullable"])
      var parts: [Int] = []
      for (index, choice) in try schemas(choices, key, path).enumerated() {
        let place = "\(path.isEmpty ? "" : path + ".")\(key)[\(index)]"
        parts.append(isAlone ? try node(choice, place) : try node(combining: rest, [choice], place))
      }
      return add(.choice(parts))
    }
    if let value = schema["const"] { return try node(ofValues: [value], schema, path, "const") }
    if let values = schema["enum"] {
      guard case .array(let values) = values else { throw JSONSchemaError(path, "enum", "is no list") }
      return try node(ofValues: values, schema, path, "enum")
    }
    return try node(ofTypes: schema, path)
  }

  private func schemas(_ value: JSONValue, _ key: String, _ path: String) throws(JSONSchemaError) -> [JSONValue] {
    guard case .array(let values) = value, !values.isEmpty else {
      throw JSONSchemaError(path, key, "is \(value.kind), expected a list of schemas")
    }
    return values
  }

  private mutating func node(
    combining base: JSONObject, _ parts: [JSONValue], _ path: String
  ) throws(JSONSchemaError) -> Int {
    var result = base
    for part in parts {
      switch part {
      case .bool(true): break
      case .bool(false): return add(.choice([]))
      case .object(var object):
        // A reference in a part is looked up here, one level: what it holds may have references of its own.
        var steps = 0
        while let reference = object["$ref"] {
          steps += 1
          guard steps <= 32, case .object(let target) = try resolve(reference, path).value else {
            throw JSONSchemaError(path, "$ref", "leads to no object schema")
          }
          object = try merged(object.without(["$ref"]), target, path)
        }
        try SchemaKeywords.check(object, path)
        result = try merged(result, object, path)
      default: throw JSONSchemaError(path, "allOf", "has \(part.kind), expected schemas")
      }
    }
    return try node(.object(result), path)
  }

  private mutating func node(
    ofValues values: [JSONValue], _ schema: JSONObject, _ path: String, _ keyword: String
  ) throws(JSONSchemaError) -> Int {
    let allowed = try schema["type"].map { value throws(JSONSchemaError) in try types(value, path) }
    guard !SchemaKeywords.constrains(schema, except: ["type", "const", "enum", "nullable"]) else {
      throw JSONSchemaError(path, keyword, "beside other constraints is not supported", remedy: "Leave out the others.")
    }
    let fitting = values.filter { value in
      (allowed.map { value.isOf(types: $0) } ?? true)
        && (keyword == "enum" || schema["enum"].map { $0.contains(value) } ?? true)
    }
    return try regular(.choice(fitting.map(JSONLanguages.value)), path, keyword)
  }

  // MARK: references

  private mutating func node(ofReference reference: JSONValue, _ path: String) throws(JSONSchemaError) -> Int {
    let (pointer, value) = try resolve(reference, path)
    if let node = references[pointer] { return node }
    let node = add(.choice([]))
    references[pointer] = node
    let place = pointer.split(separator: "/").dropFirst().joined(separator: ".")
    grammar.nodes[node] = .choice([try self.node(value, place)])
    return node
  }

  func resolve(
    _ reference: JSONValue, _ path: String
  ) throws(JSONSchemaError) -> (pointer: String, value: JSONValue) {
    guard case .string(let string) = reference, string.bytes.first == UInt8(ascii: "#") else {
      throw JSONSchemaError(
        path, "$ref", "is \(reference.kind)", remedy: "References lead into the same schema: \"#/$defs/name\".")
    }
    let pointer = string.string
    var value = document
    for part in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: true) {
      let key = Self.unescaped(String(part))
      switch value {
      case .object(let object):
        guard let next = object[key] else {
          throw JSONSchemaError(path, "$ref", "leads to \(printable(pointer)), which is not there")
        }
        value = next
      case .array(let array):
        guard let index = Int(key), array.indices.contains(index) else {
          throw JSONSchemaError(path, "$ref", "leads to \(printable(pointer)), which is not there")
        }
        value = array[index]
      default: throw JSONSchemaError(path, "$ref", "leads to \(printable(pointer)), which is not there")
      }
    }
    return (pointer, value)
  }

  /// A part of a JSON pointer in a URI fragment.
  private static func unescaped(_ part: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(part.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      if byte == UInt8(ascii: "%"), digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else if byte == UInt8(ascii: "~"), let next = rest.first, next == UInt8(ascii: "0") || next == UInt8(ascii: "1")
      {
        bytes.append(next == UInt8(ascii: "0") ? UInt8(ascii: "~") : UInt8(ascii: "/"))
        rest = rest.dropFirst()
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension JSONValue {
  fileprivate func contains(_ value: JSONValue) -> Bool {
    if case .array(let values) = self { values.contains { $0.equals(value) } } else { false }
  }

  /// Whether the value is of one of the types that a schema names.
  fileprivate func isOf(types: [String]) -> Bool {
    switch self {
    case .null: types.contains("null")
    case .bool: types.contains("boolean")
    case .integer: types.contains("integer") || types.contains("number")
    case .number(let value): types.contains("number") || (types.contains("integer") && value == value.rounded())
    case .string: types.contains("string")
    case .array: types.contains("array")
    case .object: types.contains("object")
    }
  }
}
