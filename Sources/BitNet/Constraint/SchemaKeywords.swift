import ModelFormats

/// The keywords of JSON Schema: those that constrain, and those that only describe.
enum SchemaKeywords {
  static let objects: Set<String> = ["properties", "required", "additionalProperties", "propertyNames"]
  static let arrays: Set<String> = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"]
  static let strings: Set<String> = ["minLength", "maxLength", "pattern", "format"]
  static let numbers: Set<String> = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
  static let general: Set<String> = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "nullable"]

  static let constraints = objects.union(arrays).union(strings).union(numbers).union(general)

  /// Keywords that say nothing about which texts conform.
  static let annotations: Set<String> = [
    "title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$defs", "definitions",
    "deprecated", "readOnly", "writeOnly", "discriminator", "strict",
  ]

  /// - Throws: a ``JSONSchemaError`` that names the first keyword that is not known.
  static func check(_ schema: JSONObject, _ path: String) throws(JSONSchemaError) {
    for entry in schema.entries {
      let key = entry.key.string
      guard constraints.contains(key) || annotations.contains(key) || key.hasPrefix("x-") else {
        throw JSONSchemaError(
          path, key, "is not supported", remedy: "Supported are \(constraints.sorted().joined(separator: ", ")).")
      }
    }
  }

  /// Whether anything but annotations and the keywords `except` is there.
  static func constrains(_ schema: JSONObject, except: Set<String>) -> Bool {
    schema.entries.contains { constraints.subtracting(except).contains($0.key.string) }
  }
}

extension JSONObject {
  /// The object without some keys.
  func without(_ keys: Set<String>) -> JSONObject {
    JSONObject(entries: entries.filter { !keys.contains($0.key.string) })
  }

  /// The object with a key's value replaced, or added at the end.
  func with(_ key: String, _ value: JSONValue) -> JSONObject {
    let name = JSONString(key)
    guard entries.contains(where: { $0.key == name }) else {
      return JSONObject(entries: entries + [(name, value)])
    }
    return JSONObject(entries: entries.map { $0.key == name ? (name, value) : $0 })
  }
}

extension JSONValue {
  /// Whether two values are equal, objects with their entries in the same order.
  func equals(_ other: JSONValue) -> Bool {
    switch (self, other) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.object(let a), .object(let b)):
      a.entries.count == b.entries.count
        && zip(a.entries, b.entries).allSatisfy { $0.key == $1.key && $0.value.equals($1.value) }
    default: false
    }
  }
}
