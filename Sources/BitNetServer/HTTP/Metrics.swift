import Kernels
import Synchronization

/// What `/metrics` reports. Counting takes a lock for less than a microsecond.
package final class Metrics: Sendable {
  private struct Response: Hashable {
    var route: String
    var status: Int
  }

  private struct State {
    var responses: [Response: Int] = [:]
    var refusals = 0
    var promptTokens = 0
    var cachedPromptTokens = 0
    var generatedTokens = 0
    var queue = Histogram(Metrics.seconds)
    var firstToken = Histogram(Metrics.seconds)
    var nextToken = Histogram(Metrics.seconds)
    var requests = Histogram(Metrics.seconds)
  }

  private static let seconds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
  ]

  private let state = Mutex(State())

  package init() {}

  func countRefusal() { state.withLock { $0.refusals += 1 } }

  func countResponse(route: String, status: Int, after duration: Duration) {
    state.withLock {
      $0.responses[Response(route: route, status: status), default: 0] += 1
      $0.requests.observe(duration.inSeconds)
    }
  }

  func countSequence(prompt: Int, cached: Int, generated: Int) {
    state.withLock {
      $0.promptTokens += prompt
      $0.cachedPromptTokens += cached
      $0.generatedTokens += generated
    }
  }

  func observeQueue(_ duration: Duration) { state.withLock { $0.queue.observe(duration.inSeconds) } }

  func observeToken(isFirst: Bool, after duration: Duration) {
    state.withLock {
      if isFirst {
        $0.firstToken.observe(duration.inSeconds)
      } else {
        $0.nextToken.observe(duration.inSeconds)
      }
    }
  }

  /// Everything in Prometheus' text format, version 0.0.4.
  func render(_ engine: EngineStatus) -> String {
    let state = state.withLock { $0 }
    var page = Page()
    let responses = state.responses.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
    page.add(
      "bitnet_http_requests_total", "counter", "Responses by route and status; 499 is a client that left.",
      responses.map { "{route=\"\($0.key.route)\",status=\"\($0.key.status)\"} \($0.value)" })
    page.add("bitnet_http_request_seconds", "histogram", "From the request to the end of its response.", state.requests)
    page.add("bitnet_queue_refusals_total", "counter", "Requests refused because the queue was full.", state.refusals)
    page.add("bitnet_queue_length", "gauge", "Sequences that wait.", engine.waiting)
    page.add("bitnet_queue_capacity", "gauge", "Sequences that may wait.", engine.queueCapacity)
    page.add("bitnet_sequences_running", "gauge", "Sequences being computed.", engine.running)
    page.add(
      "bitnet_sequence_retreats_total", "counter", "How often a sequence gave its memory to others for a while.",
      engine.retreats)
    page.add("bitnet_queue_seconds", "histogram", "How long sequences waited.", state.queue)
    page.add("bitnet_prompt_tokens_total", "counter", "Tokens of prompts, cached ones included.", state.promptTokens)
    page.add(
      "bitnet_cached_prompt_tokens_total", "counter", "Tokens of prompts that needed no computing.",
      state.cachedPromptTokens)
    page.add("bitnet_generated_tokens_total", "counter", "Tokens generated.", state.generatedTokens)
    page.add(
      "bitnet_time_to_first_token_seconds", "histogram", "From the request to its first token.", state.firstToken)
    page.add("bitnet_time_per_token_seconds", "histogram", "Between one token and the next.", state.nextToken)
    var batches = Histogram([1, 2, 4, 8, 16, 32, 64])
    for (size, count) in engine.passesByBatchSize { batches.observe(Double(size), times: count) }
    page.add("bitnet_batch_size", "histogram", "Sequences in one pass over the weights.", batches)
    page.add("process_resident_memory_max_bytes", "gauge", "The most memory held so far.", peakResidentMemory())
    return page.text
  }

  private struct Page {
    var text = ""

    mutating func add(_ name: String, _ type: String, _ help: String, _ samples: [String]) {
      text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
      for sample in samples { text += "\(name)\(sample)\n" }
    }

    mutating func add(_ name: String, _ type: String, _ help: String, _ value: Int) {
      add(name, type, help, [" \(value)"])
    }

    mutating func add(_ name: String, _ type: String, _ help: String, _ histogram: Histogram) {
      add(name, type, help, histogram.samples())
    }
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
