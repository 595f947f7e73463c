#if Server
import HTTPTypes
import Hummingbird
import NIOCore

/// Sends an answer as server-sent events (WHATWG HTML, section 9.2).
struct EventStream: Sendable {
  let route: String
  let exchange: Exchange
  let incoming: IncomingRequest
  let channel: any Channel
  let executor: RequestExecutor
  let write: @Sendable (_ send: (_ data: [UInt8]) async throws -> Void) async throws -> Void

  /// - Throws: when the client has gone; Hummingbird then closes the connection.
  func send(with writer: inout any ResponseBodyWriter) async throws {
    let guardian = closeWhenStuck()
    defer { guardian.cancel() }
    do {
      try await withTaskExecutorPreference(executor) {
        try await write { try await writer.write(Self.frame($0)) }
      }
      try await writer.finish(nil)
      exchange.end(route: route, status: 200)
    } catch {
      let failure = isGone(error) ? APIError.clientGone : exchange.describe(error)
      exchange.end(route: route, status: failure.status)
      guard failure != .clientGone else { throw error }
      try await writer.write(Self.frame(try JSONText.encode(ErrorBody(failure))))
      try await writer.finish(nil)
    }
  }

  private func isGone(_ error: any Error) -> Bool {
    incoming.connection?.isGone == true || error is ChannelError || error is IOError
  }

  /// A client that stops reading stops the writing; what it keeps must come back some time.
  ///
  /// With NIO's timer, which is gone when cancelled: that of a cancelled `Task.sleep` is kept until its time comes.
  private func closeWhenStuck() -> Scheduled<Void> {
    let seconds = ContinuousClock.now.duration(to: incoming.deadline).inSeconds + 10
    return channel.eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { [channel] in
      channel.close(promise: nil)
    }
  }

  static func frame(_ data: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(data.count + 8)
    buffer.writeString("data: ")
    buffer.writeBytes(data)
    buffer.writeString("\n\n")
    return buffer
  }
}
#endif
