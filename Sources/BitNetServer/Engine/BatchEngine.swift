package import BitNet
import Dispatch
import Foundation
import Synchronization

/// Many sequences at once: each step is one pass over the weights for all of them, which new ones join and finished ones leave
/// between steps.
///
/// What a sequence's tokens are does not depend on its neighbours.
package final class BatchEngine: InferenceEngine {
  /// How much is done at once.
  package struct Options: Sendable {
    /// How many sequences are computed together.
    package var maximumSequences = 16
    /// How many may wait.
    package var queueCapacity = 256
    /// The most memory for keys and values, in bytes; `nil` takes a quarter of the machine's.
    package var cacheBytes: Int?
    /// How many tokens of prompts a step computes while other sequences are being written: more make these wait longer.
    package var promptTokensPerStep = 32
    /// How the model writes by block diffusion; `nil` if it does not.
    package var diffusion: BlockDiffusionOptions?

    package init() {}
  }

  package let diffusion: BlockDiffusionOptions?
  private let requests: EngineRequests

  /// - Throws: ``ModelError/invalidOption(name:found:expected:)`` for a cache that cannot hold one whole context.
  package init(model: Model, options: Options = Options()) throws(ModelError) {
    let requests = EngineRequests(capacity: options.queueCapacity)
    let loop = try EngineLoop(model: model, options: options, requests: requests)
    diffusion = options.diffusion
    self.requests = requests
    let start = EngineStart(loop: loop)
    let thread = Thread { start.loop.run() }
    thread.name = "bitnet.engine"
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { requests.stop() }

  package var status: EngineStatus { requests.status }

  package func submit(_ request: SequenceRequest) throws(EngineRefusal) -> SequenceEvents {
    let channel = EventChannel()
    try requests.add(request, channel)
    return SequenceEvents(channel)
  }
}

/// Carries the loop to its thread, which is the only one that touches it from then on.
private struct EngineStart: @unchecked Sendable {
  let loop: EngineLoop
}

/// What the engine's thread shares with those who submit.
final class EngineRequests: Sendable {
  struct Waiting {
    let request: SequenceRequest
    let channel: EventChannel
    let submitted: ContinuousClock.Instant

    var isUnwanted: Bool {
      channel.isCancelled || request.deadline.map { ContinuousClock.now >= $0 } ?? false
    }
  }

  private struct State {
    var waiting = FairQueue<Waiting>()
    var status = EngineStatus()
    var isStopped = false
  }

  private let state = Mutex(State())
  private let capacity: Int
  private let arrival = DispatchSemaphore(value: 0)

  init(capacity: Int) { self.capacity = capacity }

  var status: EngineStatus {
    state.withLock { state in
      var status = state.status
      status.waiting = state.waiting.count
      status.queueCapacity = capacity
      return status
    }
  }

  var isStopped: Bool { state.withLock(\.isStopped) }

  func add(_ request: SequenceRequest, _ channel: EventChannel) throws(EngineRefusal) {
    let isAdmitted = state.withLock { state in
      guard state.waiting.count < capacity, !state.isStopped else { return false }
      state.waiting.append(Waiting(request: request, channel: channel, submitted: .now), client: request.client)
      return true
    }
    guard isAdmitted else { throw EngineRefusal(retryAfter: .seconds(1)) }
    arrival.signal()
  }

  func next() -> Waiting? { state.withLock { $0.waiting.popFirst() } }

  /// Those that nobody waits for any more.
  func unwanted() -> [Waiting] { state.withLock { $0.waiting.removeAll(where: \.isUnwanted) } }

  func note(running: Int, passOf batchSize: Int? = nil) {
    state.withLock { state in
      state.status.running = running
      if let batchSize { state.status.passesByBatchSize[batchSize, default: 0] += 1 }
    }
  }

  func noteRetreat() { state.withLock { $0.status.retreats += 1 } }

  /// Waits for the next request, at most for a moment if something else may have to be done.
  func wait(atMost seconds: Double?) {
    if let seconds {
      _ = arrival.wait(timeout: .now() + seconds)
    } else {
      arrival.wait()
    }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    arrival.signal()
  }
}
