/// What a client gets instead of an answer, in the shape of OpenAI's errors.
package struct APIError: Error, Sendable, Hashable {
  /// The status of the HTTP response.
  package var status: Int
  /// The class of errors, by which OpenAI's clients do not decide, but which they show.
  package var type: String
  package var message: String
  /// The offending member of the request, as a path such as `messages[0].role`.
  package var parameter: String?
  package var code: String?
  /// Seconds after which another attempt may succeed.
  package var retryAfter: Int?
  /// The method to use instead.
  package var allowedMethod: String?

  package init(
    _ status: Int, type: String = "invalid_request_error", code: String? = nil, parameter: String? = nil,
    retryAfter: Int? = nil, _ message: String
  ) {
    self.status = status
    self.type = type
    self.message = message
    self.parameter = parameter
    self.code = code
    self.retryAfter = retryAfter
  }

  /// A member of the request has a value that it cannot have.
  package static func invalid(_ parameter: String, _ problem: String, code: String? = nil) -> APIError {
    APIError(400, code: code ?? "invalid_value", parameter: parameter, "'\(parameter)': \(problem).")
  }

  /// A member of the request means something that this server does not do.
  package static func unsupported(_ parameter: String, _ problem: String) -> APIError {
    APIError(400, code: "unsupported_parameter", parameter: parameter, "'\(parameter)' is not supported: \(problem).")
  }

  static func contextExceeded(tokens: Int, contextLength: Int, parameter: String) -> APIError {
    APIError(
      400, code: "context_length_exceeded", parameter: parameter,
      "This model's maximum context length is \(contextLength) tokens, but the prompt has \(tokens) tokens. "
        + "Shorten the prompt, or start the server with a longer context (--ctx-size).")
  }

  static func queueFull(retryAfter: Duration) -> APIError {
    APIError(
      429, type: "rate_limit_error", code: "queue_full",
      retryAfter: max(1, Int(retryAfter.components.seconds)),
      "The server is busy and its queue is full. Try again later.")
  }

  static let deadline = APIError(
    504, type: "timeout_error", code: "deadline_exceeded",
    "The request took longer than the server allows (--request-timeout).")
  static let draining = APIError(
    503, type: "server_error", code: "shutting_down", retryAfter: 5, "The server is shutting down.")
  static let internalError = APIError(
    500, type: "server_error", code: "internal_error",
    "The server failed. Its log has the reason under the request's id.")
}

/// `{"error": {…}}`.
struct ErrorBody: Encodable {
  struct Content: Encodable {
    var message: String
    var type: String
    @WritesNull var param: String?
    @WritesNull var code: String?
  }

  var error: Content

  init(_ error: APIError) {
    self.error = Content(message: error.message, type: error.type, param: error.parameter, code: error.code)
  }
}
