#if Server
import AsyncAlgorithms

/// The answers to one request, computed at the same time.
struct Choices: Sendable {
  let readers: [ChoiceReader]

  /// Stops them all.
  func cancel() {
    for reader in readers { reader.events.cancel() }
  }

  /// Waits until something is known about the first answer, so that a request that comes to nothing can still be
  /// refused, or sent to another server by a proxy, before the response begins.
  ///
  /// - Throws: as reading would.
  func start() async throws {
    // The first event only says that the computing has begun.
    guard let first = try await readers.first?.events.peek(2).last else { throw CancellationError() }
    if case .finished(.deadline, _) = first { throw APIError.deadline }
  }

  /// Hands out the deltas of all answers in the order in which they arrive. While `consume` works, the answers that have
  /// more to say wait.
  func forEachDelta(_ consume: (ChoiceDelta) async throws -> Void) async throws {
    let channel = AsyncThrowingChannel<ChoiceDelta, any Error>()
    defer { cancel() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        do {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for reader in readers { group.addTask { try await reader.read { await channel.send($0) } } }
            try await group.waitForAll()
          }
          channel.finish()
        } catch {
          channel.fail(error)
        }
      }
      for try await delta in channel { try await consume(delta) }
    }
  }
}
#endif
