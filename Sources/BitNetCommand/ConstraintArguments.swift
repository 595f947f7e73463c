import ArgumentParser
import BitNet
import Foundation

/// What the text must conform to.
struct ConstraintArguments: ParsableArguments {
  @Option(name: .long, help: "A file with the JSON Schema that the text must conform to.", completion: .file())
  var jsonSchema: String?

  @Flag(name: .long, help: "Write a JSON object, whatever is in it.")
  var jsonObject = false

  func validate() throws {
    if jsonSchema != nil, jsonObject { throw ValidationError("Choose one of --json-schema and --json-object.") }
  }

  /// `nil` for any text.
  func constraint(for model: Model) throws -> JSONConstraint? {
    if jsonObject { return try model.constraint(to: .anyObject) }
    guard let jsonSchema else { return nil }
    let text = try readText(jsonSchema)
    do {
      return try model.constraint(to: JSONSchema(compiling: Array(text.utf8)))
    } catch let error as JSONSchemaError {
      // Both are sentences.
      throw TextError(path: jsonSchema, problem: String(error.description.dropLast()))
    }
  }
}
