import ModelFormats

extension SchemaCompiler {
  /// A schema without references and combinations. Where it has no `type`, its keywords say which is meant.
  mutating func node(ofTypes schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    let types: [String]
    if let type = schema["type"] {
      types = try self.types(type, path)
    } else {
      let kinds = [
        ("object", SchemaKeywords.objects), ("array", SchemaKeywords.arrays), ("string", SchemaKeywords.strings),
        ("number", SchemaKeywords.numbers),
      ]
      types = kinds.filter { kind in schema.entries.contains { kind.1.contains($0.key.string) } }.map(\.0)
      if types.isEmpty { return try any(path) }
    }
    var parts: [Int] = []
    for type in types where type != "integer" || !types.contains("number") {
      parts.append(try node(ofType: type, schema, path))
    }
    return parts.count == 1 ? parts[0] : add(.choice(parts))
  }

  mutating func node(ofType type: String, _ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    switch type {
    case "object": try object(schema, path)
    case "array": try array(schema, path)
    case "string": try string(schema, path)
    case "boolean": try regular(.choice([.text("true"), .text("false")]), path, "type")
    case "null": try regular(.text("null"), path, "type")
    default: try number(schema, isInteger: type == "integer", path)
    }
  }

  // MARK: containers

  private mutating func object(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    var properties = JSONObject(entries: [])
    if let value = schema["properties"] {
      guard case .object(let object) = value else {
        throw JSONSchemaError(path, "properties", "is \(value.kind), expected an object")
      }
      properties = object
    }
    let required = try self.required(schema, path)
    let others = try additional(schema, path)
    if let names = schema["propertyNames"] {
      let fixed = try self.names(names, path).filter { properties[$0.string] == nil }
      properties = JSONObject(entries: properties.entries + fixed.map { ($0, others ?? .bool(false)) })
    }
    let missing = required.filter { properties[$0.string] == nil }
    properties = JSONObject(
      entries: properties.entries + missing.map { ($0, others ?? .bool(schema["additionalProperties"] == nil)) })
    var object = JSONGrammar.Object()
    for (index, entry) in properties.entries.enumerated() {
      guard !properties.entries[..<index].contains(where: { $0.key == entry.key }) else { continue }
      let place = "\(path.isEmpty ? "" : path + ".")properties.\(entry.key.string)"
      object.properties.append(
        JSONGrammar.Property(
          name: JSONLanguages.string(entry.key), uniqueName: JSONLanguages.uniqueSpelling(entry.key),
          node: try node(entry.value, place), isRequired: required.contains(entry.key)))
    }
    if let others, schema["propertyNames"] == nil {
      object.additional = try node(others, "\(path.isEmpty ? "" : path + ".")additionalProperties")
    }
    // The automata of keys are made when they are needed; that they can be is seen here.
    _ = try automaton(.choice(object.properties.map(\.name)), path, "properties")
    return add(.object(object))
  }

  /// The schema of other properties. A schema that lists properties and does not speak of others means no others,
  /// though it permits them: a model that invents some is of no use.
  private func additional(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> JSONValue? {
    switch schema["additionalProperties"] {
    case nil: return schema["properties"] == nil ? .bool(true) : nil
    case .bool(let value): return value ? .bool(true) : nil
    case let value?: return value
    }
  }

  private func required(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> [JSONString] {
    guard let value = schema["required"] else { return [] }
    guard case .array(let values) = value else {
      throw JSONSchemaError(path, "required", "is \(value.kind), expected a list of names")
    }
    var names: [JSONString] = []
    for value in values {
      guard case .string(let name) = value else {
        throw JSONSchemaError(path, "required", "has \(value.kind), expected names")
      }
      if !names.contains(name) { names.append(name) }
    }
    return names
  }

  /// The names that `propertyNames` lists.
  private func names(_ schema: JSONValue, _ path: String) throws(JSONSchemaError) -> [JSONString] {
    var schema = schema
    if case .object(let object) = schema, let reference = object["$ref"] { schema = try resolve(reference, path).value }
    var values: [JSONValue] = []
    if case .object(let object) = schema {
      if case .array(let list)? = object["enum"] {
        values = list
      } else if let value = object["const"] {
        values = [value]
      }
    }
    let names = values.compactMap { if case .string(let name) = $0 { name } else { nil } }
    guard !names.isEmpty else {
      throw JSONSchemaError(
        path, "propertyNames", "is not supported as it is", remedy: "It may be an enum or a const of names.")
    }
    return names
  }

  private mutating func array(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    let prefix = path.isEmpty ? "" : path + "."
    var array = JSONGrammar.Array()
    if let value = schema["prefixItems"] {
      guard case .array(let values) = value else {
        throw JSONSchemaError(path, "prefixItems", "is \(value.kind), expected a list of schemas")
      }
      for (index, value) in values.enumerated() {
        array.prefix.append(try node(value, "\(prefix)prefixItems[\(index)]"))
      }
    }
    if case .bool(true)? = schema["uniqueItems"] {
      throw JSONSchemaError(path, "uniqueItems", "is not supported", remedy: "Leave it out, and check afterwards.")
    }
    array.minimum = try count(schema, "minItems", path) ?? 0
    array.maximum = try count(schema, "maxItems", path) ?? .max
    if array.maximum > array.prefix.count {
      array.items = try node(schema["items"] ?? .bool(true), "\(prefix)items")
    }
    return add(.array(array))
  }

  private func count(_ schema: JSONObject, _ key: String, _ path: String) throws(JSONSchemaError) -> Int? {
    switch schema[key] {
    case nil: return nil
    case .integer(let value)? where (0...Int64(Self.largestCount)).contains(value): return Int(value)
    case let value?:
      throw JSONSchemaError(path, key, "is \(value.kind), expected an integer from 0 to \(Self.largestCount)")
    }
  }

  private static var largestCount: Int { 1_000_000 }

  // MARK: strings

  private mutating func string(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) -> Int {
    let least = try count(schema, "minLength", path) ?? 0
    let most = try count(schema, "maxLength", path) ?? .max
    guard least <= most else { return add(.choice([])) }
    if schema["pattern"] != nil, schema["format"] != nil {
      throw JSONSchemaError(path, "pattern", "beside 'format' is not supported", remedy: "Keep one of the two.")
    }
    var source: (key: String, pattern: String)?
    if let value = schema["pattern"] {
      guard case .string(let pattern) = value else {
        throw JSONSchemaError(path, "pattern", "is \(value.kind), expected a string")
      }
      source = ("pattern", pattern.string)
    } else if let value = schema["format"] {
      guard case .string(let name) = value, let pattern = StringFormats.pattern(name.string) else {
        throw JSONSchemaError(
          path, "format", "is \(value.kind), which is not supported",
          remedy: "Supported are \(StringFormats.names.joined(separator: ", ")).")
      }
      source = ("format", pattern)
    }
    guard let source else { return add(.regular(automaton: JSONGrammar.stringAutomaton, lengths: least...most)) }
    let language: Regular
    do {
      language = JSONLanguages.quoted(try TextPattern.regular(source.pattern))
    } catch {
      throw JSONSchemaError(
        path, source.key, "has \(error.text), which is not supported",
        remedy: "Supported are characters, classes, groups, quantifiers, alternatives, and anchors at the ends.")
    }
    if least == 0, most == .max { return try regular(language, path, source.key) }
    let text = grammar.automata[JSONGrammar.stringAutomaton]
    let automaton = try automaton(path, source.key) { () throws(AutomatonTooLarge) in
      try ByteAutomaton(try ByteAutomaton(language), text: text, lengths: least...most)
    }
    return add(.regular(automaton: automaton, lengths: 0...Int.max))
  }

  // MARK: numbers

  private mutating func number(
    _ schema: JSONObject, isInteger: Bool, _ path: String
  ) throws(JSONSchemaError) -> Int {
    var minimum = try bound(schema, "minimum", isExclusive: false, path)
    var maximum = try bound(schema, "maximum", isExclusive: false, path)
    // Of two bounds on one side the narrower one holds; the exclusive one among equals.
    if let other = try bound(schema, "exclusiveMinimum", isExclusive: true, path),
      other.value >= minimum?.value ?? -.infinity
    {
      minimum = other
    }
    if let other = try bound(schema, "exclusiveMaximum", isExclusive: true, path),
      other.value <= maximum?.value ?? .infinity
    {
      maximum = other
    }
    let divisor = try self.divisor(schema, isInteger: isInteger, path)
    let language = NumberLanguage(
      minimum: minimum?.bound, maximum: maximum?.bound, isInteger: isInteger || divisor != nil,
      divisor: divisor ?? 1)
    let automaton = try automaton(path, divisor == nil ? "minimum" : "multipleOf") { () throws(AutomatonTooLarge) in
      try language.automaton()
    }
    return add(.regular(automaton: automaton, lengths: 0...Int.max))
  }

  private func bound(
    _ schema: JSONObject, _ key: String, isExclusive: Bool, _ path: String
  ) throws(JSONSchemaError) -> (value: Double, bound: DecimalBound)? {
    switch schema[key] {
    case nil: return nil
    case .integer(let value)?: return (Double(value), DecimalBound(value, isExclusive: isExclusive))
    case .number(let value)?:
      guard let bound = DecimalBound(value, isExclusive: isExclusive) else {
        throw JSONSchemaError(
          path, key, "is \(value), which cannot be kept exactly",
          remedy: "Bounds have up to \(NumberLanguage.exactDigits) digits.")
      }
      return (value, bound)
    case let value?: throw JSONSchemaError(path, key, "is \(value.kind), expected a number")
    }
  }

  private func divisor(_ schema: JSONObject, isInteger: Bool, _ path: String) throws(JSONSchemaError) -> Int? {
    switch schema["multipleOf"] {
    case nil: return nil
    case .integer(let value)? where (1...1000).contains(value): return Int(value)
    case .number(let value)? where (1...1000).contains(value) && value == value.rounded(): return Int(value)
    case let value?:
      throw JSONSchemaError(
        path, "multipleOf", "is \(value.kind), which is not supported",
        remedy: "It may be an integer from 1 to 1000: multiples of fractions are not exact in binary.")
    }
  }
}
