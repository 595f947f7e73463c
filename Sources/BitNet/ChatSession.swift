import Dispatch
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
    /// Says whether the answer under way is still wanted; `nil` when there is none.
    var current: CancellationFlag?
  }

  /// Used on `queue` alone.
  private struct UncheckedSession: @unchecked Sendable {
    let session: Session
  }

  private let model: Model
  private let template: ChatTemplate
  private let session: UncheckedSession
  private let queue = DispatchQueue(label: "bitnet.chat")
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
    session = UncheckedSession(session: model.makeSession())
    state = Mutex(State(messages: system.map { [ChatMessage(role: .system, content: $0)] } ?? []))
  }

  /// The conversation so far.
  public var messages: [ChatMessage] { state.withLock { $0.messages } }

  /// Answers a message; the pieces arrive as they are generated.
  ///
  /// The message and the answer, whole or cut short by cancellation, become part of the conversation. When the message
  /// cannot be answered at all (the context is full), the conversation stays as it was. After a cancellation the next
  /// answer waits until the cancelled one has stopped.
  ///
  /// - Returns: the pieces of the answer. Iterating throws ``ModelError/sessionBusy`` while another answer is being
  ///   computed and not cancelled, and as ``Model/generate(_:options:onFinish:)``.
  public func respond(
    to message: String, options: GenerationOptions = GenerationOptions(),
    onFinish: (@Sendable (GenerationSummary) -> Void)? = nil
  ) -> AsyncThrowingStream<String, any Error> {
    model.stream(on: queue) { flag in
      try state.withLock { state in
        guard state.current?.isSet ?? true else { throw ModelError.sessionBusy }
        state.current = flag
      }
    } _: { [self] model, flag, emit in
      defer { state.withLock { if $0.current === flag { $0.current = nil } } }
      let tokenizer = try model.requiredTokenizer()
      let messages = self.messages + [ChatMessage(role: .user, content: message)]
      var answer = ""
      var isWhole = false
      defer {
        if isWhole || !answer.isEmpty {
          state.withLock { $0.messages = messages + [ChatMessage(role: .assistant, content: answer)] }
        }
      }
      let tokens = try tokenizer.encode(chat: messages, template: template)
      let summary = try session.session.stream(
        tokens, decoder: tokenizer.makeStreamingDecoder(), options: options, isCancelled: { flag.isSet }
      ) {
        answer += $0
        emit($0)
      }
      isWhole = true
      onFinish?(summary)
    }
  }
}
