#if Server
import Tokenization

/// What an endpoint knows of the HTTP request that it answers.
struct IncomingRequest: Sendable {
  /// The id in the log, and in the answer's `id`.
  let id: String
  let body: [UInt8]
  /// Who asks, as far as can be told: clients take turns.
  let client: String
  /// When to give up.
  let deadline: ContinuousClock.Instant
  /// Seconds since 1970.
  let time: Int
  /// Collects what the log says about it.
  let record: RequestRecord
  /// Knows when the client has gone.
  let connection: ConnectionWatch?

  /// Begins to compute the answers, and gives them up if the client goes.
  func start(_ choices: Choices) async throws {
    connection?.onDisconnect { choices.cancel() }
    try await choices.start()
  }
}

/// What an endpoint answers, as far from HTTP as it can be.
struct Answer: Sendable {
  enum Body: Sendable {
    case whole([UInt8])
    /// Server-sent events; the closure gets a function that sends one.
    case events(@Sendable (_ send: (_ data: [UInt8]) async throws -> Void) async throws -> Void)
  }

  var status = 200
  var contentType: String
  var body: Body

  static func json(_ value: some Encodable, status: Int = 200) throws -> Answer {
    Answer(status: status, contentType: "application/json", body: .whole(try JSONText.encode(value)))
  }

  static func text(_ text: String, contentType: String) -> Answer {
    Answer(contentType: contentType, body: .whole(Array(text.utf8)))
  }

  static func events(
    _ write: @escaping @Sendable (_ send: (_ data: [UInt8]) async throws -> Void) async throws -> Void
  ) -> Answer {
    Answer(contentType: "text/event-stream", body: .events(write))
  }
}
#endif
