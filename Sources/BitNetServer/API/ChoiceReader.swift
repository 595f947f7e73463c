import BitNet
import Tokenization

/// A step of an answer, as far as it is certain to be part of it.
struct ChoiceDelta: Sendable {
  /// Which of the answers it belongs to.
  var index: Int
  var text = ""
  /// The tokens that the text is made of, where probabilities were asked for.
  var tokens: [GeneratedToken] = []
  var provisional: [ProvisionalToken] = []
  /// Set in the last delta.
  var end: ChoiceEnd?
}

struct ChoiceEnd: Sendable {
  enum Reason: String, Sendable {
    case stop
    case length
    case toolCalls = "tool_calls"
  }

  var reason: Reason
  var usage: SequenceUsage
}

/// Turns the events of one sequence into text: decodes tokens, finds stop texts, keeps tokens and text together.
struct ChoiceReader: Sendable {
  let index: Int
  let events: SequenceEvents
  let promptTokens: Int
  let stopTokens: Set<Int>
  let wantsLogprobs: Bool
  /// Whether a final stop token is reported among the tokens, as scoring wants.
  let reportsStopToken: Bool
  let metrics: Metrics
  private let received = ContinuousClock.now
  private var decoder: StreamingDecoder
  private var filter: StopFilter

  /// - Parameter continuing: whether the text goes on the prompt's.
  init(
    index: Int, request: SequenceRequest, events: SequenceEvents, stops: [[UInt8]], continuing: Bool,
    reportsStopToken: Bool, context: APIContext
  ) {
    self.index = index
    self.events = events
    self.reportsStopToken = reportsStopToken
    promptTokens = request.prompt.count
    stopTokens = request.stopTokens
    wantsLogprobs = request.topLogprobs != nil
    metrics = context.metrics
    decoder = context.tokenizer.makeStreamingDecoder(continuing: continuing)
    filter = StopFilter(stops)
  }

  /// Reads the sequence to its end.
  ///
  /// - Throws: ``APIError`` after the deadline, `CancellationError` when the sequence was cancelled, what the engine
  ///   throws.
  func read(_ emit: (ChoiceDelta) async throws -> Void) async throws {
    var progress = Progress(reader: self)
    for try await event in events {
      var delta = ChoiceDelta(index: index)
      switch event {
      case .started(let queueTime, let cached):
        progress.cachedTokens = cached
        metrics.observeQueue(queueTime)
      case .promptLogprobs(let tokens): delta.tokens = tokens
      case .provisional(let tokens): delta.provisional = tokens
      case .token(let token): progress.append(token, to: &delta)
      case .finished(let reason, _): try progress.finish(reason, &delta)
      }
      if !delta.text.isEmpty || !delta.tokens.isEmpty || !delta.provisional.isEmpty || delta.end != nil {
        try await emit(delta)
      }
      guard delta.end == nil else {
        events.cancel()
        return
      }
    }
    throw CancellationError()
  }

  /// What changes while a sequence is read.
  private struct Progress {
    private struct PendingToken {
      var token: GeneratedToken
      /// The bytes of the text before it and up to it.
      var start: Int
      var end: Int
    }

    let reader: ChoiceReader
    var cachedTokens = 0
    private var decoder: StreamingDecoder
    private var filter: StopFilter
    private var count = 0
    private var produced = 0
    private var emitted = 0
    private var pending: [PendingToken] = []
    private var last: ContinuousClock.Instant

    init(reader: ChoiceReader) {
      self.reader = reader
      decoder = reader.decoder
      filter = reader.filter
      last = reader.received
    }

    mutating func append(_ token: GeneratedToken, to delta: inout ChoiceDelta) {
      count += 1
      let now = ContinuousClock.now
      reader.metrics.observeToken(isFirst: count == 1, after: last.duration(to: now))
      last = now
      let start = produced
      let isStop = reader.stopTokens.contains(token.id)
      let text = isStop ? "" : decoder.append(token.id)
      produced += text.utf8.count
      if reader.wantsLogprobs, !isStop || reader.reportsStopToken {
        pending.append(PendingToken(token: token, start: start, end: produced))
      }
      emit(filter.append(text), to: &delta)
      if filter.isStopped { end(.stop, &delta) }
    }

    mutating func finish(_ reason: SequenceEnd, _ delta: inout ChoiceDelta) throws {
      switch reason {
      case .cancelled: throw CancellationError()
      case .deadline: throw APIError.deadline
      case .stop, .length: break
      }
      let rest = decoder.finish()
      produced += rest.utf8.count
      let text = filter.append(rest)
      emit(text + filter.finish(), to: &delta)
      end(filter.isStopped || reason == .stop ? .stop : .length, &delta)
    }

    private mutating func emit(_ text: String, to delta: inout ChoiceDelta) {
      delta.text = text
      emitted += text.utf8.count
      let certain = pending.prefix { $0.end <= emitted }
      delta.tokens += certain.map(\.token)
      pending.removeFirst(certain.count)
    }

    private mutating func end(_ reason: ChoiceEnd.Reason, _ delta: inout ChoiceDelta) {
      // A token that is cut by a stop text still gave some of the text.
      delta.tokens += pending.filter { !filter.isStopped || $0.start < emitted }.map(\.token)
      pending = []
      reader.metrics.countSequence(prompt: reader.promptTokens, cached: cachedTokens, generated: count)
      delta.end = ChoiceEnd(
        reason: reason,
        usage: SequenceUsage(
          promptTokens: reader.promptTokens, cachedPromptTokens: cachedTokens, generatedTokens: count))
    }
  }
}
