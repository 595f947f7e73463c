package import BitNet
import ModelFormats
package import Tokenization

/// What `response_format` may ask for, as constraints over a model's vocabulary.
package struct ResponseFormats: Sendable {
  private let tokens: TokenTrie
  private let anyObject: JSONConstraint

  package init(model: Model, tokenizer: Tokenizer) {
    tokens = TokenTrie(tokenizer, vocabularySize: model.configuration.vocabularySize)
    anyObject = JSONConstraint(.anyObject, tokens: tokens)
  }

  /// The constraint of a request; `nil` for plain text.
  ///
  /// - Throws: 400 that names the part of a schema that is not supported.
  func constraint(_ request: RequestObject) throws(APIError) -> JSONConstraint? {
    guard let format = try request.object("response_format") else { return nil }
    guard let type = try format.string("type") else {
      throw .invalid(format.path(of: "type"), "it is missing; expected text, json_object or json_schema")
    }
    switch type {
    case "text": return nil
    case "json_object": return anyObject
    case "json_schema": return try schema(format)
    default:
      throw .invalid(
        format.path(of: "type"), "'\(type.prefix(40))' is not known; expected text, json_object or json_schema")
    }
  }

  /// The constraint of an answer that must call a tool; `nil` where it need not.
  ///
  /// - Throws: 400 that names the part of a tool's schema that is not supported.
  func constraint(_ tools: Tools) throws(APIError) -> JSONConstraint? {
    guard let style = tools.style, !tools.demanded.isEmpty else { return nil }
    do {
      let calls = try JSONSchema(callsOf: tools.demanded, argumentsKey: style.argumentsKey)
      return JSONConstraint(calls, tokens: tokens)
    } catch {
      throw .unsupported("tool_choice", error.description)
    }
  }

  private func schema(_ format: RequestObject) throws(APIError) -> JSONConstraint {
    guard let named = try format.object("json_schema") else {
      throw .invalid(format.path(of: "json_schema"), "it is missing; expected an object with a 'schema'")
    }
    // Whatever they say, the answer conforms.
    for harmless in ["name", "description", "strict"] { _ = named.value(harmless) }
    guard let schema = named.value("schema") else {
      throw .invalid(named.path(of: "schema"), "it is missing; expected a JSON schema")
    }
    try named.refuseUnknown()
    do {
      return JSONConstraint(try JSONSchema(compiling: schema), tokens: tokens)
    } catch {
      throw .unsupported(named.path(of: "schema"), error.description)
    }
  }
}
