import BitNet
import Kernels

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
  /// Of sequences that are written by block diffusion, whose keys and values are not those of tokens one by one.
  private let blockPrefixes = PrefixCache()
  private let maximumPages: Int
  /// In the order in which they were admitted.
  private var running: [RunningSequence] = []
  /// Those whose turn it is, but for whom there is no memory at the moment.
  private var postponed: [RunningSequence] = []

  init(model: Model, options: BatchEngine.Options, requests: EngineRequests) throws(ModelError) {
    self.model = model
    self.options = options
    self.requests = requests
    let block = options.diffusion?.blockSize ?? 1
    batch = Batch(
      model: model, capacity: max(256, options.maximumSequences * block), logitRows: options.maximumSequences)
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
    stepBack(by: model.compute.pool.niceness)
    while !requests.isStopped {
      retire()
      admit()
      let steps = makeRoom(for: plan())
      if steps.isEmpty {
        // Readers that are behind do not wake anyone.
        requests.wait(atMost: running.isEmpty && postponed.isEmpty ? nil : 0.002)
      } else {
        compute(steps)
        fetchAhead()
      }
    }
    for sequence in running + postponed { sequence.finish(.cancelled) }
    while let waiting = requests.next() { waiting.channel.finish() }
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
    postponed.removeAll(where: isFinished)
    requests.note(running: running.count + postponed.count)
  }

  private func admit() {
    while running.count < options.maximumSequences {
      let sequence: RunningSequence
      if !postponed.isEmpty {
        sequence = postponed.removeFirst()
      } else if let waiting = requests.next() {
        sequence = RunningSequence(
          waiting.request, channel: waiting.channel, submitted: waiting.submitted, model: model)
      } else {
        return
      }
      do {
        try sequence.prepare(sequence.request.diffusion == nil ? prefixes : blockPrefixes)
      } catch {
        sequence.channel.finish(throwing: error)
        continue
      }
      // Alone it has room: the memory is enough for one whole context.
      guard running.isEmpty || pagesWanted(by: running + [sequence]) <= maximumPages else {
        postpone(sequence)
        return
      }
      sequence.start()
      running.append(sequence)
    }
  }

  private func postpone(_ sequence: RunningSequence) {
    sequence.retreat()
    postponed.insert(sequence, at: 0)
  }

  /// Every sequence that is being written gets its next token or block; prompts share what is left.
  private func plan() -> [EngineStep] {
    let ready = running.filter { $0.end == nil && !$0.channel.isBehind }
    let writing = ready.filter { !$0.isReadingPrompt }
    var steps = writing.compactMap { $0.step(limit: 1) }
    var room = batch.capacity - steps.reduce(0) { $0 + $1.tokenCount }
    var left = steps.isEmpty ? room : min(room, options.promptTokensPerStep)
    let reading = oneByOne(ready.filter(\.isReadingPrompt), isAlone: steps.isEmpty)
    // In equal shares, so that short prompts do not wait for long ones.
    let share = max(1, left / max(1, reading.count))
    for sequence in reading where left > 0 {
      // Block diffusion reads whole blocks.
      guard let step = sequence.step(limit: share), step.tokenCount <= room else { continue }
      steps.append(step)
      room -= step.tokenCount
      left -= step.tokenCount
    }
    return steps
  }

  /// Prompts without those that would ask for fresh memory in the same step, while others are being written: the system
  /// takes milliseconds to give it, and prompts that come together come to the ends of their pages together.
  private func oneByOne(_ reading: [RunningSequence], isAlone: Bool) -> [RunningSequence] {
    var asking = 0
    return reading.filter { sequence in
      if !isAlone, sequence.needsPage { asking += 1 }
      return asking <= 1 || !sequence.needsPage
    }
  }

  // MARK: Memory

  private func pagesInUse() -> Int {
    Set((running.flatMap(\.cache.pages) + (prefixes.pages + blockPrefixes.pages)).map(ObjectIdentifier.init)).count
  }

  /// The pages that sequences have or will soon want, without those of earlier ones, which make room when they must.
  private func pagesWanted(by sequences: [RunningSequence]) -> Int {
    let present = Set(sequences.flatMap(\.cache.pages).map(ObjectIdentifier.init)).count
    return sequences.reduce(present) { $0 + max(0, pagesWanted(by: $1) - $1.cache.pages.count) }
  }

  /// All pages of one that is written by block diffusion, which cannot give them back before its end; of others those of
  /// the tokens that they have, with room to write in, so that they need not retreat at once.
  private func pagesWanted(by sequence: RunningSequence) -> Int {
    let most = Self.pages(for: sequence.mostPositions)
    return sequence.isDiffusion ? most : min(Self.pages(for: sequence.tokens.count) + 1, most)
  }

  /// Drops what nobody uses, and then whole sequences from the youngest on, until the steps' new pages fit.
  private func makeRoom(for steps: [EngineStep]) -> [EngineStep] {
    var steps = steps
    func newPages() -> Int {
      steps.reduce(0) { $0 + max(0, Self.pages(for: $1.end) - $1.sequence.cache.pages.count) }
    }
    guard newPages() > 0 else { return steps }
    while pagesInUse() + newPages() > maximumPages {
      if prefixes.freeOldest() || blockPrefixes.freeOldest() { continue }
      guard running.count > 1, let index = running.lastIndex(where: { !$0.isDiffusion }) else { break }
      let youngest = running.remove(at: index)
      postpone(youngest)
      requests.noteRetreat()
      steps.removeAll { $0.sequence === youngest }
    }
    return steps
  }

  /// Gives one sequence that is being written its next page before it needs it: those that began together would all need
  /// theirs in the same step, and the system takes milliseconds for each.
  private func fetchAhead() {
    let next = running.first {
      !$0.isDiffusion && !$0.isReadingPrompt && $0.needsPageSoon
        && $0.cache.pages.count < Self.pages(for: $0.mostPositions)
    }
    guard let next, pagesInUse() < maximumPages || prefixes.freeOldest() || blockPrefixes.freeOldest() else { return }
    next.cache.addPage()
  }

  // MARK: A step

  private func compute(_ steps: [EngineStep]) {
    var rows = batch.compute(steps.flatMap(\.entries))[...]
    requests.note(running: running.count + postponed.count, passOf: steps.count)
    var deciding: [(sequence: RunningSequence, row: Int)] = []
    for step in steps {
      let own = rows.prefix(step.entries.count)
      rows = rows.dropFirst(step.entries.count)
      guard let first = own.first?.lowerBound else { continue }
      let sequence = step.sequence
      let pagesBefore = sequence.computed / Batch.pagePositions
      if let pass = step.diffusion {
        attempt(sequence) { () throws(ModelError) in
          try sequence.accept(batch.logits(rows: pass.logitRows.map { first + $0 }), of: pass)
        }
      } else {
        reportPrompt(step, firstRow: first)
        if sequence.advance(step.tokenCount) { deciding.append((sequence, first + step.tokenCount - 1)) }
      }
      if sequence.computed / Batch.pagePositions > pagesBefore {
        (sequence.isDiffusion ? blockPrefixes : prefixes)
          .insert(Array(sequence.tokens[..<min(sequence.computed, sequence.tokens.count)]), pages: sequence.cache.pages)
      }
    }
    choose(deciding)
  }

  /// The probabilities of the prompt's own tokens, if they are wanted: a few rows at a time, since a vocabulary is wide.
  private func reportPrompt(_ step: EngineStep, firstRow: Int) {
    let prompt = step.sequence.promptRows(step.tokenCount)
    if step.sequence.owesFirstTokenOnly { step.sequence.accept(promptLogits: [], from: 0) }
    for first in stride(from: prompt.lowerBound, to: prompt.upperBound, by: 16) {
      let some = first..<min(first + 16, prompt.upperBound)
      step.sequence.accept(promptLogits: batch.logits(rows: some.map { firstRow + $0 }), from: first)
    }
  }

  /// Ends a sequence with the error that something about it throws.
  private func attempt(_ sequence: RunningSequence, _ body: () throws(ModelError) -> Void) {
    do {
      try body()
    } catch {
      sequence.channel.finish(throwing: error)
      running.removeAll { $0 === sequence }
    }
  }

  private func choose(_ deciding: [(sequence: RunningSequence, row: Int)]) {
    let few = deciding.filter { $0.sequence.neededTokens != nil }
    let all = deciding.filter { $0.sequence.neededTokens == nil }
    // A few more than one sequence needs change nothing for it.
    let count = few.compactMap(\.sequence.neededTokens).max() ?? 0
    let likeliest = few.isEmpty ? [] : batch.likeliest(count, rows: few.map(\.row))
    let logits = all.isEmpty ? [] : batch.logits(rows: all.map(\.row)).map(TokenLogit.all)
    for (next, logits) in zip(few + all, likeliest + logits) {
      attempt(next.sequence) { () throws(ModelError) in try next.sequence.choose(logits) }
    }
  }
}
