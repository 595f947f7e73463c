package import ModelFormats

/// A JSON Schema, made ready to constrain what a model writes.
///
/// Texts are as `json.dumps` writes them, with or without the space after a comma and a colon; the properties of an
/// object are in the order of the schema, others come last, and none comes twice. An object whose schema lists
/// properties and does not speak of `additionalProperties` has no others. `oneOf` is taken as `anyOf`.
public struct JSONSchema: Sendable {
  let table: JSONParseTable

  /// Any JSON object.
  public static let anyObject: JSONSchema = {
    guard let schema = try? JSONSchema(compiling: Array(#"{"type": "object"}"#.utf8)) else {
      preconditionFailure("the schema of all objects compiles")
    }
    return schema
  }()

  /// - Parameter bytes: the schema as JSON.
  /// - Throws: ``JSONSchemaError`` that names the part that is not supported, or why this is no schema.
  public init(compiling bytes: [UInt8]) throws(JSONSchemaError) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(bytes, file: "the schema")
    } catch {
      throw JSONSchemaError("", "", "is not JSON: \(error)")
    }
    try self.init(compiling: value)
  }

  /// - Throws: ``JSONSchemaError`` that names the part that is not supported.
  package init(compiling schema: JSONValue) throws(JSONSchemaError) {
    try self.init(SchemaCompiler.compile(schema))
  }

  /// A function that a model may call.
  package struct Function: Sendable {
    package var name: String
    /// The schema of its arguments.
    package var parameters: JSONValue
    /// Where the schema stands, for messages.
    package var path: String

    package init(name: String, parameters: JSONValue, path: String) {
      self.name = name
      self.parameters = parameters
      self.path = path
    }
  }

  /// A call of one of some functions: `{"name": "…", "arguments": {…}}`.
  ///
  /// - Parameter argumentsKey: what the arguments are called.
  /// - Throws: ``JSONSchemaError`` that names the part that is not supported.
  package init(callsOf functions: [Function], argumentsKey: String) throws(JSONSchemaError) {
    try self.init(SchemaCompiler.compile(callsOf: functions, argumentsKey: argumentsKey))
  }

  private init(_ grammar: JSONGrammar) throws(JSONSchemaError) {
    table = JSONParseTable(grammar)
    if table.isEmpty {
      throw JSONSchemaError(
        "", "", "has no conforming text of reasonable length",
        remedy:
          "Look for bounds that exclude each other, an empty enum, a large minItems, an object that contains itself."
      )
    }
  }
}
