import BitNet

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The engine's thread: admits sequences, computes a step for all of them, and keeps their memory within bounds.
final class EngineLoop {
  private let model: Model
  private let options: BatchEngine.Options
  private let requests: EngineRequests
  private let batch: Batch
  private let prefixes = PrefixCache()
  private let maximumPages: Int
  /// In the order in which they were admitted.
  private var running: [RunningSequence] = []
  /// Admitted before, but without memory at the moment; they go first.
  private var retreated: [RunningSequence] = []

  init(model: Model, options: BatchEngine.Options, requests: EngineRequests) throws(ModelError) {
    self.model = model
    self.options = options
    self.requests = requests
    batch = Batch(model: model, capacity: max(256, options.maximumSequences), logitRows: options.maximumSequences)
    let pageBytes = Batch.pageBytes(of: model)
    let bytes = options.cacheBytes ?? Int(ProcessInfo.processInfo.physicalMemory / 4)
    maximumPages = bytes / pageBytes
    let context = Self.pages(for: model.contextLength)
    guard maximumPages >= context else {
      throw .invalidOption(
        name: "the memory for keys and values", found: "\(bytes >> 20) MiB",
        expected:
          "at least \((context * pageBytes + (1 << 20) - 1) >> 20) MiB, a context of \(model.contextLength) tokens")
    }
  }

  private static func pages(for tokens: Int) -> Int { (tokens + Batch.pagePositions - 1) / Batch.pagePositions }

  /// Works until the engine is stopped.
  func run() {
    while !requests.isStopped {
      retire()
      admit()
      let steps = makeRoom(for: plan())
      if steps.isEmpty {
        // Readers that are behind do not wake anyone.
        requests.wait(atMost: running.isEmpty && retreated.isEmpty ? nil : 0.002)
      } else {
        compute(steps)
      }
    }
    for sequence in running + retreated { sequence.finish(.cancelled) }
  }

  // MARK: Who is computed

  private func retire() {
    for waiting in requests.unwanted() {
      let sequence = RunningSequence(
        waiting.request, channel: waiting.channel, submitted: waiting.submitted, model: model)
      sequence.finish(sequence.end ?? .cancelled)
    }
    func isFinished(_ sequence: RunningSequence) -> Bool {
      guard let end = sequence.end else { return false }
      sequence.finish(end)
      return true
    }
    running.removeAll(where: isFinished)
    retreated.removeAll(where: isFinished)
    requests.note(running: running.count + retreated.count)
  }

  private func admit() {
    while running.count < options.maximumSequences {
      let sequence: RunningSequence
      if let first = retreated.first {
        // With room to write in, so that it does not have to retreat at once.
        guard running.isEmpty || pagesInUse() + Self.pages(for: first.tokens.count) + 1 <= maximumPages else { return }
        sequence = retreated.removeFirst()
      } else if let waiting = requests.next() {
        sequence = RunningSequence(
          waiting.request, channel: waiting.channel, submitted: waiting.submitted, model: model)
      } else {
        return
      }
      do {
        try sequence.start(prefixes)
        running.append(sequence)
      } catch {
        sequence.channel.finish(throwing: error)
      }
    }
  }

  /// Some tokens of one sequence.
  private struct Step {
    let sequence: RunningSequence
    var count: Int
  }

  /// Every sequence that is being written gets its next token; prompts share what is left.
  private func plan() -> [Step] {
    let ready = running.filter { $0.end == nil && !$0.channel.isBehind }
    let writing = ready.filter { !$0.isReadingPrompt }
    var left = writing.isEmpty ? batch.capacity : min(options.promptTokensPerStep, batch.capacity - writing.count)
    var steps = writing.map { Step(sequence: $0, count: 1) }
    for sequence in ready where sequence.isReadingPrompt && left > 0 {
      let count = min(sequence.pending, left)
      steps.append(Step(sequence: sequence, count: count))
      left -= count
    }
    return steps
  }

  // MARK: Memory

  private func pagesInUse() -> Int {
    Set((running.flatMap(\.cache.pages) + prefixes.pages).map(ObjectIdentifier.init)).count
  }

  /// Drops what nobody uses, and then whole sequences from the youngest on, until the steps' new pages fit.
  private func makeRoom(for steps: [Step]) -> [Step] {
    var steps = steps
    func newPages() -> Int {
      steps.reduce(0) {
        $0 + max(0, Self.pages(for: $1.sequence.computed + $1.count) - $1.sequence.cache.pages.count)
      }
    }
    guard newPages() > 0 else { return steps }
    while pagesInUse() + newPages() > maximumPages {
      if prefixes.removeOldest() { continue }
      guard running.count > 1, let youngest = running.popLast() else { break }
      youngest.retreat()
      retreated.insert(youngest, at: 0)
      steps.removeAll { $0.sequence === youngest }
    }
    return steps
  }

  // MARK: A step

  private func compute(_ steps: [Step]) {
    let rows = batch.compute(steps.map { $0.sequence.entry($0.count) })
    requests.note(running: running.count + retreated.count, passOf: steps.count)
    var deciding: [(sequence: RunningSequence, row: Int)] = []
    for (step, rows) in zip(steps, rows) {
      let sequence = step.sequence
      // A few at a time: a vocabulary is wide.
      let prompt = sequence.promptRows(step.count)
      for first in stride(from: prompt.lowerBound, to: prompt.upperBound, by: 16) {
        let some = first..<min(first + 16, prompt.upperBound)
        sequence.accept(promptLogits: batch.logits(rows: some.map { rows.lowerBound + $0 }), from: first)
      }
      let pagesBefore = sequence.computed / Batch.pagePositions
      sequence.advance(step.count)
      if sequence.computed / Batch.pagePositions > pagesBefore {
        prefixes.insert(Array(sequence.tokens[..<sequence.computed]), pages: sequence.cache.pages)
      }
      if sequence.pending == 0, sequence.end == nil { deciding.append((sequence, rows.upperBound - 1)) }
    }
    choose(deciding)
  }

  private func choose(_ deciding: [(sequence: RunningSequence, row: Int)]) {
    let few = deciding.filter { $0.sequence.neededTokens != nil }
    let all = deciding.filter { $0.sequence.neededTokens == nil }
    // A few more than one sequence needs change nothing for it.
    let count = few.compactMap(\.sequence.neededTokens).max() ?? 0
    let likeliest = few.isEmpty ? [] : batch.likeliest(count, rows: few.map(\.row))
    let logits = all.isEmpty ? [] : batch.logits(rows: all.map(\.row)).map(TokenLogit.all)
    for (next, logits) in zip(few + all, likeliest + logits) {
      do {
        try next.sequence.choose(logits)
      } catch {
        next.sequence.channel.finish(throwing: error)
        running.removeAll { $0 === next.sequence }
      }
    }
  }
}
