#if Server
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// The connection that a request came by.
struct RequestContext: InitializableFromSource {
  let channel: any Channel

  init(source: ApplicationRequestContextSource) { channel = source.channel }
}

/// Every request's way through the server: id, key, route, body, answer, log.
struct ServerResponder: HTTPResponder {
  let routes: Routes
  let keys: APIKeys
  let cors: CORS
  let limits: APILimits
  let metrics: Metrics
  let logger: Logger
  let logsPrompts: Bool
  /// Whether a proxy in front says who asks.
  let trustsProxy: Bool
  let isDraining: @Sendable () -> Bool
  /// Where requests are understood and answers are written.
  let executor: RequestExecutor

  func respond(to request: Request, context: RequestContext) async throws -> Response {
    let id = RequestID.accepted(request.headers[.requestID])
    var logger = logger
    logger[metadataKey: "request_id"] = "\(id)"
    let exchange = Exchange(
      id: id, request: request, logger: logger, metrics: metrics,
      record: RequestRecord(logger: logger, logsPrompts: logsPrompts))
    var response: Response
    if request.method == .options {
      response = Response(status: .noContent, headers: cors.preflightHeaders(origin: request.headers[.origin]))
      exchange.end(route: "options", status: 204)
    } else {
      response = await answer(request, exchange, context)
    }
    response.headers[.requestID] = id
    response.headers.append(
      contentsOf: cors.headers(origin: request.headers[.origin]), unlessPresentIn: response.headers)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func answer(_ request: Request, _ exchange: Exchange, _ context: RequestContext) async -> Response {
    var name = "other"
    do {
      let route = try routes.find(request.method, path: request.uri.path)
      name = route.name
      if !route.isOpen {
        guard keys.admits(authorization: request.headers[.authorization]) else { throw APIError.unauthorized }
        if isDraining() { throw APIError.draining }
      }
      let body = route.method == .post ? try await body(of: request) : []
      let watch = await ConnectionWatch.of(context.channel)
      defer { watch?.finish() }
      let incoming = IncomingRequest(
        id: exchange.id, body: body,
        client: client(of: request, context),
        deadline: exchange.begin + limits.timeout, time: exchange.secondsSince1970,
        record: exchange.record, connection: watch)
      // Without a preference, where connections are waited for.
      let answer = try await withTaskExecutorPreference(route.isQuick ? nil : executor) {
        try await route.handler(incoming)
      }
      return response(answer, route: name, exchange, incoming, context)
    } catch {
      let failure = exchange.describe(error)
      exchange.end(route: name, status: failure.status)
      return Response(failure)
    }
  }

  /// Whose turn a request takes: its key's, else its address's.
  private func client(of request: Request, _ context: RequestContext) -> String {
    // Without keys the header is whatever a client likes, and each would be another client's turn.
    if !keys.isEmpty, let key = request.headers[.authorization] { return key }
    // What stands before the last address came from the client and may be invented.
    if trustsProxy, let address = request.headers[.forwardedFor]?.split(separator: ",").last {
      return address.filter { $0 != " " }
    }
    return context.channel.remoteAddress?.ipAddress ?? ""
  }

  /// - Throws: 413 and 415.
  private func body(of request: Request) async throws -> [UInt8] {
    if let type = request.headers[.contentType] {
      let essence = type.prefix { $0 != ";" && $0 != " " }.lowercased()
      guard essence == "application/json" else {
        throw APIError(
          415, code: "unsupported_media_type", "The body is '\(type.prefix(60))', expected application/json.")
      }
    }
    let tooLarge = APIError(
      413, code: "request_too_large", "The body is larger than \(limits.bodyBytes) bytes (--max-body-bytes).")
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes { throw tooLarge }
    do {
      return Array(buffer: try await request.body.collect(upTo: limits.bodyBytes))
    } catch is NIOTooManyBytesError {
      throw tooLarge
    } catch {
      // The connection broke, or what came on it is not HTTP, to which NIO itself answers with 400.
      throw APIError.clientGone
    }
  }

  private func response(
    _ answer: Answer, route: String, _ exchange: Exchange, _ incoming: IncomingRequest, _ context: RequestContext
  ) -> Response {
    var headers: HTTPFields = [.contentType: answer.contentType]
    let status = HTTPResponse.Status(code: answer.status)
    switch answer.body {
    case .whole(let bytes):
      exchange.end(route: route, status: answer.status)
      return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    case .events(let write):
      headers[.cacheControl] = "no-store"
      // Tells nginx to pass on each event as it comes.
      headers[.accelBuffering] = "no"
      let stream = EventStream(
        route: route, exchange: exchange, incoming: incoming, channel: context.channel, executor: executor,
        write: write)
      return Response(status: status, headers: headers, body: .init { try await stream.send(with: &$0) })
    }
  }
}

extension Response {
  init(_ error: APIError) {
    let body = (try? JSONText.encode(ErrorBody(error))) ?? []
    var headers: HTTPFields = [.contentType: "application/json"]
    if let seconds = error.retryAfter { headers[.retryAfter] = "\(seconds)" }
    if let method = error.allowedMethod { headers[.allow] = method }
    if error.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
    self.init(
      status: HTTPResponse.Status(code: error.status), headers: headers,
      body: .init(byteBuffer: ByteBuffer(bytes: body)))
  }
}

extension APIError {
  static let unauthorized = APIError(
    401, code: "invalid_api_key", "A valid API key is needed: send it as 'Authorization: Bearer KEY'.")
  /// Never seen by the client, but by the log and the metrics.
  static let clientGone = APIError(499, code: "client_closed_request", "The client has gone.")
}

extension HTTPField.Name {
  static let requestID = constant("X-Request-Id")
  static let forwardedFor = constant("X-Forwarded-For")
  static let accelBuffering = constant("X-Accel-Buffering")

  private static func constant(_ name: String) -> HTTPField.Name {
    guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a field") }
    return field
  }
}

extension HTTPFields {
  fileprivate mutating func append(contentsOf other: HTTPFields, unlessPresentIn present: HTTPFields) {
    for field in other where present[field.name] == nil { append(field) }
  }
}
#endif
