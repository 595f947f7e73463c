#if Server
import NIOCore
import Synchronization

/// Learns that a client has gone although nothing is being read from it or written to it.
///
/// A client that has said that it will send no more counts as gone: HTTP clients do not do so before they have their
/// answer.
final class ConnectionWatch: Sendable {
  private struct State {
    var isGone = false
    var action: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// The watch over a channel, if it has one.
  static func of(_ channel: any Channel) async -> ConnectionWatch? {
    try? await channel.eventLoop.submit {
      try channel.pipeline.syncOperations.handler(type: Handler.self).watch
    }.get()
  }

  /// Calls `action` when the client goes, at once if it has gone; instead of an action given earlier.
  func onDisconnect(_ action: @escaping @Sendable () -> Void) {
    let isGone = state.withLock { state in
      state.action = action
      return state.isGone
    }
    if isGone { action() }
  }

  /// Forgets the action.
  func finish() { state.withLock { $0.action = nil } }

  var isGone: Bool { state.withLock { $0.isGone } }

  private func disconnect() {
    let action = state.withLock { state in
      state.isGone = true
      return state.action
    }
    action?()
  }

  /// Sits in the channel's pipeline.
  final class Handler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    let watch = ConnectionWatch()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.fireChannelRead(data) }

    func channelInactive(context: ChannelHandlerContext) {
      watch.disconnect()
      context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed? = event as? ChannelEvent { watch.disconnect() }
      context.fireUserInboundEventTriggered(event)
    }
  }
}
#endif
