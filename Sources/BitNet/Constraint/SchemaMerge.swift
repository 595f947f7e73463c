import ModelFormats

extension SchemaCompiler {
  /// The schema that demands what both demand (`allOf`).
  func merged(_ first: JSONObject, _ second: JSONObject, _ path: String) throws(JSONSchemaError) -> JSONObject {
    try checkClosedness(first, second, path)
    try checkClosedness(second, first, path)
    var result = first
    for entry in second.entries {
      let key = entry.key.string
      guard let own = result[key], !SchemaKeywords.annotations.contains(key) else {
        if result[key] == nil { result = result.with(key, entry.value) }
        continue
      }
      result = result.with(key, try merged(own, entry.value, key, path))
    }
    return result
  }

  /// Properties that one part adds fall under the other part's rule for additional ones, which is not merged.
  private func checkClosedness(_ rule: JSONObject, _ other: JSONObject, _ path: String) throws(JSONSchemaError) {
    guard let additional = rule["additionalProperties"], case .object(let added)? = other["properties"] else { return }
    if case .bool(true) = additional { return }
    guard case .object(let own)? = rule["properties"] else { return try refuse("additionalProperties", path) }
    if added.entries.contains(where: { own[$0.key.string] == nil }) { try refuse("additionalProperties", path) }
  }

  private func refuse(_ key: String, _ path: String) throws(JSONSchemaError) {
    throw JSONSchemaError(
      path, key, "cannot be combined with the other schemas that apply here",
      remedy: "Write the combination as one schema.")
  }

  private func merged(
    _ first: JSONValue, _ second: JSONValue, _ key: String, _ path: String
  ) throws(JSONSchemaError) -> JSONValue {
    if first.equals(second) { return first }
    switch (key, first, second) {
    case ("properties", .object(let a), .object(let b)):
      var result = a
      for entry in b.entries {
        let key = entry.key.string
        result = result.with(
          key,
          result[key].map { .object(JSONObject(entries: [("allOf", .array([$0, entry.value]))])) } ?? entry.value)
      }
      return .object(result)
    case ("required", .array(let a), .array(let b)), ("allOf", .array(let a), .array(let b)): return .array(a + b)
    case ("additionalProperties", .bool(true), let other), ("additionalProperties", let other, .bool(true)):
      return other
    case ("minimum", _, _), ("exclusiveMinimum", _, _), ("minLength", _, _), ("minItems", _, _):
      return try number(first, key, path) > number(second, key, path) ? first : second
    case ("maximum", _, _), ("exclusiveMaximum", _, _), ("maxLength", _, _), ("maxItems", _, _):
      return try number(first, key, path) < number(second, key, path) ? first : second
    case ("type", _, _):
      let (a, b) = (try types(first, path), try types(second, path))
      let both = a.filter { b.contains($0) || ($0 == "integer" && b.contains("number")) }
      let integers = a.contains("number") && b.contains("integer") ? ["integer"] : []
      return .array((both + integers).map { .string(JSONString($0)) })
    default:
      try refuse(key, path)
      return first
    }
  }

  private func number(_ value: JSONValue, _ key: String, _ path: String) throws(JSONSchemaError) -> Double {
    switch value {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: throw JSONSchemaError(path, key, "is \(value.kind), expected a number")
    }
  }

  /// The names of types in a `type`.
  func types(_ value: JSONValue, _ path: String) throws(JSONSchemaError) -> [String] {
    let values: [JSONValue] = if case .array(let values) = value { values } else { [value] }
    var result: [String] = []
    for value in values {
      guard case .string(let name) = value, SchemaCompiler.types.contains(name.string) else {
        throw JSONSchemaError(
          path, "type", "is \(value.kind)",
          remedy: "Types are \(SchemaCompiler.types.joined(separator: ", ")), or a list of them.")
      }
      if !result.contains(name.string) { result.append(name.string) }
    }
    return result
  }
}
