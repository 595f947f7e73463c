#if Server
import HTTPTypes

/// Which web pages' scripts may call the server.
struct CORS: Sendable {
  private let origins: [String]

  /// - Parameter list: origins with commas between them, or `*`; empty allows none.
  init(_ list: String) {
    origins = list.split(separator: ",").map { String($0.drop { $0 == " " }) }
  }

  /// The headers that let the page of a request read the response.
  func headers(origin: String?) -> HTTPFields {
    var headers: HTTPFields = [:]
    guard let origin, !origins.isEmpty else { return headers }
    if origins == ["*"] {
      headers[.accessControlAllowOrigin] = "*"
    } else {
      headers[.vary] = "Origin"
      guard origins.contains(origin) else { return headers }
      headers[.accessControlAllowOrigin] = origin
    }
    headers[.accessControlExposeHeaders] = "X-Request-Id, Retry-After"
    return headers
  }

  /// The headers that answer a browser's question whether it may ask.
  func preflightHeaders(origin: String?) -> HTTPFields {
    var headers = headers(origin: origin)
    guard headers[.accessControlAllowOrigin] != nil else { return headers }
    headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
    headers[.accessControlAllowHeaders] = "Authorization, Content-Type, X-Request-Id"
    headers[.accessControlMaxAge] = "600"
    return headers
  }
}
#endif
