import Foundation
import Synchronization

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Asks an OpenAI-compatible server for completions.
struct CompletionClient: Sendable {
  /// `http://host:port/v1/completions`.
  let endpoint: String
  private let url: URL
  private let key: String?
  private let session = URLSession(configuration: .ephemeral, delegate: Unredirected(), delegateQueue: nil)

  /// - Parameter address: with or without `/v1`.
  /// - Throws: `TextError` for an address that is none, or a key that cannot be read.
  init(address: String, apiKeyFile: String?) throws {
    var base = address
    while base.hasSuffix("/") { base.removeLast() }
    if base.hasSuffix("/v1") { base.removeLast(3) }
    endpoint = base + "/v1/completions"
    guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme), url.host() != nil else {
      throw TextError(path: address, problem: "is no address of a server; expected http://host:port")
    }
    self.url = url
    key = try apiKeyFile.map(readText)?.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Posts JSON and waits for the answer.
  ///
  /// - Throws: `TextError` when the server cannot be reached; `CancellationError` when `isCancelled` says so.
  func post(_ body: [UInt8], isCancelled: () -> Bool) throws -> (status: Int, body: [UInt8]) {
    var request = URLRequest(url: url, timeoutInterval: 300)
    request.httpMethod = "POST"
    request.httpBody = Data(body)
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
    let answer = Mutex<Result<(Int, [UInt8]), TextError>?>(nil)
    let done = DispatchSemaphore(value: 0)
    let task = session.dataTask(with: request) { [endpoint] data, response, error in
      answer.withLock {
        if let response = response as? HTTPURLResponse {
          $0 = .success((response.statusCode, [UInt8](data ?? Data())))
        } else {
          let reason = error?.localizedDescription ?? "no answer"
          $0 = .failure(TextError(path: endpoint, problem: "cannot be reached: \(reason)"))
        }
      }
      done.signal()
    }
    task.resume()
    while done.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
      guard isCancelled() else { continue }
      task.cancel()
      throw CancellationError()
    }
    guard let result = answer.withLock({ $0 }) else { throw TextError(path: endpoint, problem: "gave no answer") }
    return try result.get()
  }
}

/// Follows no redirection: the key is for the server that the user named.
private final class Unredirected: NSObject, URLSessionTaskDelegate {
  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }
}
