public import Tokenization
internal import Synchronization

/// A conversation with a model: remembers the messages, renders them with the model's chat template, and keeps what it
/// has computed, so that each answer costs only what is new.
///
///     let chat = try ChatSession(model: model, system: "You are brief.")
///     for try await piece in chat.respond(to: "Name a river.") { print(piece, terminator: "") }
public final class ChatSession: Sendable {
  private struct State {
    var messages: [ChatMessage]
    // Absent while an answer is computed with it.
    var session: UncheckedSession?
  }

  /// The session is handed from the state to one generation and back, never shared.
  private struct UncheckedSession: @unchecked Sendable {
    let session: Session
  }

  private let model: Model
  private let template: ChatTemplate
  private let state: Mutex<State>

  /// Begins a conversation.
  ///
  /// - Parameter system: what the model is told before the conversation.
  /// - Throws: ``ModelError/missingTokenizer(file:)``, ``ModelError/missingChatTemplate(file:)``, or
  ///   `ChatTemplateError` for a template that cannot be parsed.
  public init(model: Model, system: String? = nil) throws {
    let tokenizer = try model.requiredTokenizer()
    guard let template = try tokenizer.chatTemplate() else {
      throw ModelError.missingChatTemplate(file: model.checkpoint.path)
    }
    self.model = model
    self.template = template
    state = Mutex(
      State(
        messages: system.map { [ChatMessage(role: .system, content: $0)] } ?? [],
        session: UncheckedSession(session: model.makeSession())))
  }

  /// The conversation so far.
  public var messages: [ChatMessage] { state.withLock { $0.messages } }

  /// Answers a message; the pieces arrive as they are generated.
  ///
  /// The message and the answer, whole or cut short by cancellation, become part of the conversation. When the message
  /// cannot be answered at all (the context is full), the conversation stays as it was.
  ///
  /// - Returns: the pieces of the answer. Iterating throws ``ModelError/sessionBusy`` while another answer is being
  ///   computed, and as ``Model/generate(_:options:onFinish:)``.
  public func respond(
    to message: String, options: GenerationOptions = GenerationOptions(),
    onFinish: (@Sendable (GenerationSummary) -> Void)? = nil
  ) -> AsyncThrowingStream<String, any Error> {
    model.stream { [self] model, isCancelled, emit in
      let tokenizer = try model.requiredTokenizer()
      let (messages, held) = try state.withLock { state in
        guard let session = state.session else { throw ModelError.sessionBusy }
        state.session = nil
        return (state.messages + [ChatMessage(role: .user, content: message)], session)
      }
      var answer = ""
      defer {
        state.withLock {
          $0.session = held
          if !answer.isEmpty { $0.messages = messages + [ChatMessage(role: .assistant, content: answer)] }
        }
      }
      let tokens = try tokenizer.encode(chat: messages, template: template)
      let summary = try held.session.stream(
        tokens, decoder: tokenizer.makeStreamingDecoder(), options: options, isCancelled: isCancelled
      ) {
        answer += $0
        emit($0)
      }
      onFinish?(summary)
    }
  }
}
