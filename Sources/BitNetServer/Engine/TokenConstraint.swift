/// A language that a sequence must be in, such as JSON of a given schema.
package protocol TokenConstraint: Sendable {
  /// The state before the first token.
  func start() -> any TokenConstraintState
}

/// Where in its language a sequence is.
package protocol TokenConstraintState: Sendable {
  /// Whether the text may go on with `token`. Stop tokens are allowed where the text may end, and only there.
  func allows(_ token: Int) -> Bool
  /// Moves on by a token that is allowed.
  mutating func advance(by token: Int)
}

/// Makes the constraint that a request's `response_format` asks for.
package protocol TokenConstraintCompiler: Sendable {
  /// - Parameter format: the request's `response_format`, an object whose `type` is `json_object` or `json_schema`.
  /// - Throws: ``APIError`` that names the part of the schema that is not supported.
  func compile(_ format: RequestObject) throws(APIError) -> any TokenConstraint
}

/// Refuses every constraint, for engines that know none.
package struct NoConstraints: TokenConstraintCompiler {
  package init() {}

  package func compile(_ format: RequestObject) throws(APIError) -> any TokenConstraint {
    throw .unsupported("response_format", "only the type 'text' is supported")
  }
}
