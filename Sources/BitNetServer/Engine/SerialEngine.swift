package import BitNet
import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The simplest engine: one session, one sequence at a time, first come, first served.
package final class SerialEngine: InferenceEngine {
  package let decodeModes: Set<DecodeMode> = [.autoregressive]

  private let model: Model
  private let capacity: Int
  private let queue = DispatchQueue(label: "bitnet.engine")
  private let counts = Mutex(EngineStatus())
  private let session: UncheckedSession

  /// Used on `queue` alone.
  private struct UncheckedSession: @unchecked Sendable {
    let session: Session
  }

  /// - Parameter queueCapacity: how many sequences may wait.
  package init(model: Model, queueCapacity: Int) {
    self.model = model
    capacity = queueCapacity
    session = UncheckedSession(session: model.makeSession())
  }

  package var status: EngineStatus {
    var status = counts.withLock { $0 }
    status.queueCapacity = capacity
    return status
  }

  package func submit(_ request: SequenceRequest) throws(EngineRefusal) -> SequenceEvents {
    let isAdmitted = counts.withLock { counts in
      guard counts.waiting < capacity else { return false }
      counts.waiting += 1
      return true
    }
    guard isAdmitted else { throw EngineRefusal(retryAfter: .seconds(1)) }
    let channel = EventChannel()
    let submitted = ContinuousClock.now
    queue.async { [self] in
      counts.withLock {
        $0.waiting -= 1
        $0.running += 1
      }
      defer { counts.withLock { $0.running -= 1 } }
      do {
        try compute(request, submitted: submitted, to: channel)
        channel.finish()
      } catch {
        channel.finish(throwing: error)
      }
    }
    return SequenceEvents(channel)
  }

  private func compute(
    _ request: SequenceRequest, submitted: ContinuousClock.Instant, to channel: EventChannel
  ) throws {
    // What is cached has no logits any more.
    let session = request.wantsPromptLogprobs ? model.makeSession() : session.session
    let cached = min(zip(session.tokens, request.prompt).prefix { $0 == $1 }.count, request.prompt.count - 1)
    var run = SequenceRun(request: request, session: session, channel: channel)
    channel.send(.started(queueTime: submitted.duration(to: .now), cachedPromptTokens: cached))
    let end = try run.generate { counts.withLock { $0.passesByBatchSize[1, default: 0] += 1 } }
    let usage = SequenceUsage(
      promptTokens: request.prompt.count, cachedPromptTokens: cached,
      generatedTokens: run.sequence.count - request.prompt.count)
    channel.send(.finished(end, usage))
  }
}

/// One sequence being computed.
private struct SequenceRun {
  let request: SequenceRequest
  let session: Session
  let channel: EventChannel
  var sequence: [Int]
  private var sampler: Sampler
  private var constraint: (any TokenConstraintState)?

  init(request: SequenceRequest, session: Session, channel: EventChannel) {
    self.request = request
    self.session = session
    self.channel = channel
    sequence = request.prompt
    sampler = Sampler(request.sampling, promptCount: request.prompt.count)
    constraint = request.constraint?.start()
  }

  private var isLate: Bool { request.deadline.map { ContinuousClock.now >= $0 } ?? false }
  private var mustStop: Bool { channel.isCancelled || isLate }

  mutating func generate(onPass: () -> Void) throws -> SequenceEnd {
    do {
      if request.wantsPromptLogprobs { try reportPrompt() }
      while request.maximumTokens.map({ sequence.count - request.prompt.count < $0 }) ?? true {
        try waitForReader()
        // The last token of a full context is generated and never read.
        guard sequence.count <= session.model.contextLength else { return .length }
        if try step() { return .stop }
        onPass()
      }
      return .length
    } catch is CancellationError {
      return isLate && !channel.isCancelled ? .deadline : .cancelled
    }
  }

  /// - Returns: whether the token ends the sequence.
  private mutating func step() throws -> Bool {
    let logits = try session.logits(after: sequence, isCancelled: { mustStop })
    guard logits.contains(where: \.isFinite) else {
      throw ModelError.nonFiniteLogits(file: session.model.checkpoint.path, tokens: sequence.count)
    }
    let state = constraint
    let token = sampler.next(
      TokenLogit.all(logits), recent: sequence, isAllowed: state.map { state in { state.allows($0) } })
    constraint?.advance(by: token)
    sequence.append(token)
    channel.send(.token(GeneratedToken(token, logits: logits, top: request.topLogprobs)))
    return request.stopTokens.contains(token)
  }

  private func reportPrompt() throws {
    var tokens = [GeneratedToken(id: request.prompt[0])]
    try session.evaluate(
      request.prompt, isCancelled: { mustStop },
      eachLogits: { position, logits in
        guard position + 1 < request.prompt.count else { return }
        tokens.append(
          GeneratedToken(request.prompt[position + 1], logits: logits, top: request.topLogprobs ?? 0))
      })
    channel.send(.promptLogprobs(tokens))
  }

  /// Another sequence's turn must not wait for a reader for ever.
  private func waitForReader() throws {
    let limit = ContinuousClock.now + .seconds(30)
    while channel.isBehind {
      if mustStop || ContinuousClock.now >= limit { throw CancellationError() }
      usleep(2000)
    }
    if mustStop { throw CancellationError() }
  }
}

extension GeneratedToken {
  /// The token `id` with its log-probability under `logits`, `[vocabularySize]`, if `top` is not `nil`.
  package init(_ id: Int, logits: [Float], top count: Int?) {
    self.init(id: id)
    guard let count else { return }
    let largest = logits.max() ?? 0
    let normalizer = Float(log(logits.reduce(0.0) { $0 + exp(Double($1 - largest)) })) + largest
    logprob = logits[id] - normalizer
    var best: [Alternative] = []
    for (token, logit) in logits.enumerated() where count > 0 {
      let logprob = logit - normalizer
      if best.count == count, let last = best.last, logprob <= last.logprob { continue }
      let place = best.firstIndex { $0.logprob < logprob } ?? best.count
      best.insert(Alternative(id: token, logprob: logprob), at: place)
      if best.count > count { best.removeLast() }
    }
    top = best
  }
}
