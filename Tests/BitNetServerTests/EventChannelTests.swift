import BitNet
import BitNetServer
import Testing

@Suite struct EventChannelTests {
  private let token = SequenceEvent.token(GeneratedToken(id: 1))

  @Test func `events arrive in order, then the end`() async throws {
    let channel = EventChannel()
    let events = SequenceEvents(channel)
    for id in 0..<3 { channel.send(.token(GeneratedToken(id: id))) }
    channel.finish()
    channel.send(token)
    var ids: [Int] = []
    for try await case .token(let token) in events { ids.append(token.id) }
    #expect(ids == [0, 1, 2])
  }

  @Test func `letting go of the reader's end cancels`() {
    let channel = EventChannel()
    var events: SequenceEvents? = SequenceEvents(channel)
    #expect(events != nil && !channel.isCancelled)
    events = nil
    #expect(channel.isCancelled)
  }

  @Test func `cancelling the reading task cancels`() async throws {
    let channel = EventChannel()
    let events = SequenceEvents(channel)
    let reader = Task { for try await _ in events {} }
    reader.cancel()
    try await reader.value
    #expect(channel.isCancelled)
  }

  @Test func `a reader that does not read is behind`() async throws {
    let channel = EventChannel(limit: 2)
    let events = SequenceEvents(channel)
    channel.send(token)
    #expect(!channel.isBehind)
    channel.send(token)
    #expect(channel.isBehind)
    _ = try await events.makeAsyncIterator().next()
    #expect(!channel.isBehind)
  }

  @Test func `peeking takes nothing, waits, and throws what ended the sequence before`() async throws {
    let channel = EventChannel()
    let events = SequenceEvents(channel)
    channel.send(token)
    async let two = events.peek(2)
    channel.send(token)
    #expect(try await two.count == 2)
    #expect(try await events.peek(1).count == 1)
    channel.finish(throwing: ModelError.emptyPrompt)
    await #expect(throws: ModelError.emptyPrompt) { try await events.peek(3) }
  }
}
