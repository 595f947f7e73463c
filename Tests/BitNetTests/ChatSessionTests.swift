import BitNet
import Dispatch
import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct ChatSessionTests {
  private func makeChat() throws -> ChatSession {
    try ChatSession(model: Model(contentsOf: URL(filePath: GoldenModel.path("llama-tied")), options: .init(threads: 2)))
  }

  private let options = GenerationOptions(maximumTokens: 8, sampling: .greedy, stopsAtEnd: false)

  @Test func `an answer becomes part of the conversation`() async throws {
    let chat = try makeChat()
    var answer = ""
    for try await piece in chat.respond(to: "a", options: options) { answer += piece }
    #expect(chat.messages.map(\.role) == [.user, .assistant])
    #expect(chat.messages.map(\.content) == ["a", answer])
  }

  @Test func `a second answer waits for a cancelled one and is refused beside one that is not`() async throws {
    let chat = try makeChat()
    let gate = DispatchSemaphore(value: 0)
    let (hasAnswered, answered) = AsyncStream.makeStream(of: Void.self)
    // The first answer stays under way until the gate opens.
    var first: AsyncThrowingStream<String, any Error>? = chat.respond(to: "a", options: options) { _ in
      answered.finish()
      gate.wait()
    }
    for await _ in hasAnswered {}
    await #expect(throws: ModelError.sessionBusy) { for try await _ in chat.respond(to: "b", options: options) {} }
    #expect(first != nil)
    // Dropping the stream cancels it.
    first = nil
    let next = chat.respond(to: "c", options: options)
    gate.signal()
    for try await _ in next {}
    #expect(chat.messages.filter { $0.role == .user }.map(\.content) == ["a", "c"])
  }
}
