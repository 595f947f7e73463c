#if Server
import Hummingbird
import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A request and its response, as the log and the metrics see them.
struct Exchange: Sendable {
  let id: String
  let record: RequestRecord
  let begin = ContinuousClock.now
  let secondsSince1970 = Int(Date.now.timeIntervalSince1970)
  private let method: String
  private let path: String
  private let logger: Logger
  private let metrics: Metrics

  init(id: String, request: Request, logger: Logger, metrics: Metrics, record: RequestRecord) {
    self.id = id
    self.logger = logger
    self.metrics = metrics
    self.record = record
    method = request.method.rawValue
    path = String(request.uri.path.prefix(200))
  }

  /// What a client is told about an error; what it is not told goes to the log.
  func describe(_ error: any Error) -> APIError {
    switch error {
    case let error as APIError: return error
    case is CancellationError: return .clientGone
    default:
      logger.error("failed", metadata: ["error": "\(error)"])
      return .internalError
    }
  }

  /// Writes the line in the log, when the response is whole.
  func end(route: String, status: Int) {
    let duration = begin.duration(to: .now)
    metrics.countResponse(route: route, status: status, after: duration)
    var metadata: Logger.Metadata = [
      "method": "\(method)", "path": "\(path)", "status": "\(status)",
      "milliseconds": "\(Int(duration.inSeconds * 1000))",
    ]
    if let usage = record.usage {
      metadata["prompt_tokens"] = "\(usage.promptTokens)"
      metadata["generated_tokens"] = "\(usage.completionTokens)"
    }
    // Probes come every second and say nothing.
    let level: Logger.Level = ["/health", "/ready", "/metrics"].contains(route) ? .debug : .info
    logger.log(level: level, "request", metadata: metadata)
  }
}
#endif
