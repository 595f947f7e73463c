import BitNet
import Testing

/// Schemas that cannot be guaranteed are refused with the place and the keyword.
struct JSONSchemaRefusalTests {
  private static func refusal(_ schema: String) -> JSONSchemaError? {
    do {
      _ = try JSONSchema(compiling: Array(schema.utf8))
      return nil
    } catch {
      return error
    }
  }

  private static let unsupported: [(schema: String, path: String, keyword: String)] = [
    (#"{"type": "object", "properties": {"a": {"not": {}}}}"#, "properties.a", "not"),
    (#"{"items": {"type": "array", "uniqueItems": true}}"#, "items", "uniqueItems"),
    (##"{"$ref": "#/$defs/x", "$defs": {"x": {"patternProperties": {}}}}"##, "$defs.x", "patternProperties"),
    (#"{"anyOf": [{"type": "null"}, {"type": "string", "format": "uri"}]}"#, "anyOf[1]", "format"),
    (#"{"type": "string", "pattern": "^(?!a)b$"}"#, "", "pattern"),
    (#"{"type": "string", "pattern": "(a)\\1"}"#, "", "pattern"),
    (#"{"type": "string", "pattern": "a$b"}"#, "", "pattern"),
    (#"{"type": "string", "pattern": "["}"#, "", "pattern"),
    (#"{"type": "string", "pattern": "(a|b)*a(a|b){30}"}"#, "", "pattern"),
    (#"{"type": "string", "pattern": "((a{1000}){1000}){1000}"}"#, "", "pattern"),
    (#"{"type": "number", "multipleOf": 0.01}"#, "", "multipleOf"),
    (#"{"type": "number", "maximum": 0.12345678901234567}"#, "", "maximum"),
    (#"{"type": "integer", "minimum": "1"}"#, "", "minimum"),
    (#"{"type": "text"}"#, "", "type"),
    (#"{"type": "string", "minLength": -1}"#, "", "minLength"),
    (##"{"$ref": "https://example.org/schema"}"##, "", "$ref"),
    (##"{"$ref": "#/$defs/none"}"##, "", "$ref"),
    (#"{"allOf": [{"format": "date"}, {"format": "time"}]}"#, "", "format"),
    (#"{"enum": ["a"], "minLength": 3}"#, "", "enum"),
    (#"{"propertyNames": {"pattern": "^a"}}"#, "", "propertyNames"),
  ]

  @Test(arguments: unsupported) func `the message names what is not supported`(
    _ schema: String, _ path: String, _ keyword: String
  ) throws {
    let error = try #require(Self.refusal(schema))
    #expect(error.path == path && error.keyword == keyword, "\(error)")
    #expect(error.description.contains("'\(keyword)'"))
  }

  private static let impossible: [String] = [
    "", "[]", "{", "3", #"{"enum": []}"#, "false", #"{"type": "integer", "minimum": 3, "maximum": 2}"#,
    #"{"type": "string", "minLength": 3, "maxLength": 2}"#, #"{"type": "string", "pattern": "^a$", "minLength": 2}"#,
    ##"{"$ref": "#"}"##, ##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##,
    ##"{"allOf": [{"$ref": "#"}]}"##, ##"{"allOf": [{"type": "string"}, {"type": "null"}]}"##,
    #"{"type": "array", "minItems": 1000000, "items": {"type": "array", "minItems": 1000000}}"#,
    #"{"type": "array", "prefixItems": [false], "minItems": 1}"#,
    #"{"type": "object", "required": ["a"], "additionalProperties": false}"#,
    #"{"type": "integer", "exclusiveMinimum": 6, "exclusiveMaximum": 7}"#,
    #"{"type": "integer", "multipleOf": 10, "minimum": 11, "maximum": 19}"#,
  ]

  @Test(arguments: impossible) func `what is no schema, or has no texts, is refused`(_ schema: String) {
    #expect(Self.refusal(schema) != nil)
  }

  @Test func `texts do not nest without end`() throws {
    let tokens = TokenTrie((UInt8.min...UInt8.max).map { [$0] }, ends: [])
    var state = JSONConstraint(try JSONSchema(compiling: Array("{}".utf8)), tokens: tokens).start()
    var depth = 0
    while state.advance(byText: [UInt8(ascii: "[")]) { depth += 1 }
    #expect(depth == 64)
    let isClosed = state.advance(byText: Array(repeating: UInt8(ascii: "]"), count: depth))
    #expect(isClosed && state.isComplete)
  }

  /// An optional property that leads too deep is not offered, so that what is open can always be closed.
  @Test func `recursion ends`() throws {
    let schema = ##"""
      {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}}}}
      """##
    let tokens = TokenTrie((UInt8.min...UInt8.max).map { [$0] }, ends: [])
    var state = JSONConstraint(try JSONSchema(compiling: Array(schema.utf8)), tokens: tokens).start()
    var depth = 0
    while state.advance(byText: Array("{\"n\":".utf8)) { depth += 1 }
    #expect(depth == 63)
    let rest = state.forcedCompletion()
    #expect(String(decoding: rest, as: UTF8.self) == "{}" + String(repeating: "}", count: depth))
  }
}
