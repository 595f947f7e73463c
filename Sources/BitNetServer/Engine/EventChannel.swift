import Synchronization

/// The engine's end of a stream of events: a buffer between the thread that computes and the task that reads.
///
/// It never blocks and never drops; an engine asks ``isBehind`` before it computes more.
package final class EventChannel: Sendable {
  private struct State {
    var events: [SequenceEvent] = []
    var end: Result<Void, any Error>?
    var isCancelled = false
    var reader: CheckedContinuation<Void, Never>?

    /// Whether a reader that wants so many events has nothing to wait for.
    func isReady(_ count: Int) -> Bool { events.count >= count || end != nil || isCancelled }
  }

  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: how many unread events make the reader count as behind.
  package init(limit: Int = 256) { self.limit = limit }

  /// Whether nobody wants further events.
  package var isCancelled: Bool { state.withLock { $0.isCancelled } }
  /// Whether the reader has so much to catch up with that the sequence should wait.
  package var isBehind: Bool { state.withLock { $0.events.count >= limit } }

  package func send(_ event: SequenceEvent) {
    change { if $0.end == nil, !$0.isCancelled { $0.events.append(event) } }
  }

  /// Ends the stream, after which nothing is sent.
  package func finish(throwing error: (any Error)? = nil) {
    change { if $0.end == nil { $0.end = error.map(Result.failure) ?? .success(()) } }
  }

  /// What the reader does when it has had enough.
  package func cancel() {
    change {
      $0.isCancelled = true
      $0.events = []
    }
  }

  /// The next event; `nil` at the end, and after ``cancel()``.
  package func next() async throws -> SequenceEvent? {
    await wait(for: 1)
    let result: Result<SequenceEvent?, any Error> = state.withLock { state in
      if state.isCancelled { return .success(nil) }
      if !state.events.isEmpty { return .success(state.events.removeFirst()) }
      return state.end?.map { nil } ?? .success(nil)
    }
    return try result.get()
  }

  /// The next events without taking them: `count`, or fewer if there are no more.
  package func peek(_ count: Int) async throws -> [SequenceEvent] {
    await wait(for: count)
    let (events, end) = state.withLock { ($0.events, $0.end) }
    if events.count < count { try end?.get() }
    return Array(events.prefix(count))
  }

  private func wait(for count: Int) async {
    while !state.withLock({ $0.isReady(count) }) {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isReady = state.withLock { state in
            if state.isReady(count) { return true }
            state.reader = continuation
            return false
          }
          if isReady { continuation.resume() }
        }
      } onCancel: {
        cancel()
      }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let reader = state.withLock { state in
      body(&state)
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume()
  }
}

/// The reader's end. Letting go of it, or cancelling the task that reads, cancels the sequence.
package final class SequenceEvents: AsyncSequence, Sendable {
  package typealias Element = SequenceEvent

  private let channel: EventChannel

  package init(_ channel: EventChannel) { self.channel = channel }

  deinit { channel.cancel() }

  /// Ends the sequence before its time.
  package func cancel() { channel.cancel() }

  /// The next events without taking them: `count`, or fewer if there are no more.
  ///
  /// - Throws: the error with which the sequence ended before.
  package func peek(_ count: Int) async throws -> [SequenceEvent] { try await channel.peek(count) }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(events: self) }

  package struct AsyncIterator: AsyncIteratorProtocol {
    let events: SequenceEvents

    package func next() async throws -> SequenceEvent? { try await events.channel.next() }
  }
}
