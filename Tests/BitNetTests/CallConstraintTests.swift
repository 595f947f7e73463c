import BitNet
import ModelFormats
import Testing

/// Constraints to calls of functions.
@Suite struct CallConstraintTests {
  private static let bytes = TokenTrie((UInt8.min...UInt8.max).map { [$0] } + [[]], ends: [256])

  private func function(_ name: String, _ parameters: String) throws -> JSONSchema.Function {
    .init(name: name, parameters: try JSONParser.parse(Array(parameters.utf8), file: "schema"), path: name)
  }

  private func takes(_ constraint: JSONConstraint, _ text: String) -> Bool {
    var state = constraint.start()
    return state.advance(byText: Array(text.utf8)) && state.isComplete
  }

  @Test func `a call has one of the names and its own arguments`() throws {
    // Both have references into their own schemas, to the same place.
    let schema = try JSONSchema(
      callsOf: [
        function(
          "add",
          ##"{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["a"], "$defs": {"n": {"type": "integer"}}}"##
        ),
        function(
          "s\"ay",
          ##"{"type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}, "required": ["a"], "$defs": {"n": {"enum": ["x"]}}}"##
        ),
      ], argumentsKey: "arguments")
    let constraint = JSONConstraint(schema, tokens: Self.bytes)
    #expect(takes(constraint, #"{"name": "add", "arguments": {"a": 12}}"#))
    #expect(takes(constraint, #"{"name":"s\"ay","arguments":{"a":"x"}}"#))
    for other in [
      #"{"name": "add", "arguments": {"a": "x"}}"#, #"{"name": "sub", "arguments": {"a": 1}}"#, #"{"name": "add"}"#,
      #"{"arguments": {"a": 1}, "name": "add"}"#, #"{"name": "add", "parameters": {"a": 1}}"#,
      #"{"name": "add", "arguments": {}}"#,
    ] {
      #expect(!takes(constraint, other), "\(other)")
    }
  }

  @Test(arguments: ["true", #"{"type": "string"}"#, #"{"type": ["object", "null"]}"#, "{}"])
  func `arguments that are no object are refused`(parameters: String) throws {
    let error = #expect(throws: JSONSchemaError.self) {
      try JSONSchema(callsOf: [function("f", parameters)], argumentsKey: "arguments")
    }
    #expect(error?.path == "f")
  }
}
