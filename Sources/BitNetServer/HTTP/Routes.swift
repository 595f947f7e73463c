#if Server
import HTTPTypes

/// What the server answers to.
struct Routes: Sendable {
  typealias Handler = @Sendable (IncomingRequest) async throws -> Answer

  struct Route: Sendable {
    var method: HTTPRequest.Method
    /// How metrics call it.
    var name: String
    /// Whether it answers without a key, and while the server is shutting down.
    var isOpen = false
    /// Whether the answer takes a moment only, for which it need not wait for others' turn.
    var isQuick = false
    var handler: Handler
  }

  private let routes: [Route]
  private let model: @Sendable (_ name: String) throws -> Answer

  init(context: APIContext, page: [UInt8]?, isDraining: @escaping @Sendable () -> Bool) {
    let chat = ChatEndpoint(context: context)
    let completion = CompletionEndpoint(context: context)
    let texts = TextEndpoints(context: context)
    let models = ModelEndpoints(context: context)
    model = { try models.model(named: $0) }
    var routes = [
      Route(method: .post, name: "/v1/chat/completions") { try await chat.respond(to: $0) },
      Route(method: .post, name: "/v1/completions") { try await completion.respond(to: $0) },
      Route(method: .get, name: "/v1/models") { _ in try models.list() },
      Route(method: .post, name: "/tokenize") { try texts.tokenize($0) },
      Route(method: .post, name: "/detokenize") { try texts.detokenize($0) },
      Route(method: .post, name: "/apply-template") { try texts.applyTemplate($0) },
      Route(method: .get, name: "/tokenizer_info") { _ in try texts.tokenizerInfo() },
      Route(method: .get, name: "/props") { _ in try models.properties() },
      Route(method: .get, name: "/metrics", isQuick: true) { _ in
        .text(context.metrics.render(context.engine.status), contentType: "text/plain; version=0.0.4")
      },
      Route(method: .get, name: "/health", isOpen: true, isQuick: true) { _ in try .json(["status": "ok"]) },
      Route(method: .get, name: "/ready", isOpen: true, isQuick: true) { _ in
        isDraining()
          ? try .json(["status": "shutting down"], status: 503) : try .json(["status": "ready"])
      },
    ]
    if let page {
      routes.append(
        Route(method: .get, name: "/", isOpen: true) { _ in
          Answer(contentType: "text/html; charset=utf-8", body: .whole(page))
        })
    }
    self.routes = routes
  }

  /// - Throws: 404 for a path that there is not, 405 for one that wants another method.
  func find(_ method: HTTPRequest.Method, path: String) throws(APIError) -> Route {
    let prefix = "/v1/models/"
    if path.hasPrefix(prefix), path.utf8.count > prefix.utf8.count {
      guard method == .get else { throw .wrongMethod(method, allowed: .get) }
      let name = String(path.dropFirst(prefix.count))
      return Route(method: .get, name: "/v1/models/{model}") { _ in try model(name.removingPercentEncoding) }
    }
    let known = routes.filter { $0.name == path }
    // A balancer may ask for the head alone.
    let wanted = method == .head ? .get : method
    if let route = known.first(where: { $0.method == wanted }) { return route }
    guard let other = known.first else {
      throw APIError(404, code: "not_found", "There is nothing at \(path.prefix(100)).")
    }
    throw .wrongMethod(method, allowed: other.method)
  }
}

extension APIError {
  fileprivate static func wrongMethod(_ method: HTTPRequest.Method, allowed: HTTPRequest.Method) -> APIError {
    var error = APIError(
      405, code: "method_not_allowed", "\(method.rawValue) is not allowed here; use \(allowed.rawValue).")
    error.allowedMethod = allowed.rawValue
    return error
  }
}

extension String {
  /// The text with `%2F` and its like replaced; as it is, if they are malformed.
  fileprivate var removingPercentEncoding: String {
    var bytes: [UInt8] = []
    var rest = Array(utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return self
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self) ?? self
  }
}
#endif
