import Tokenization
internal import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Dispatch

/// Why a generation ended.
public enum FinishReason: String, Sendable {
  /// The model produced one of its end tokens.
  case endToken
  /// `maximumTokens` were generated.
  case maximumTokens
  /// The context is full.
  case contextFull
  /// The text conforms to ``GenerationOptions/constraint``, and nothing can follow.
  case complete
}

/// What is known about a generation when it has ended.
public struct GenerationSummary: Sendable {
  /// The tokens of the prompt.
  public let promptTokens: Int
  /// How many of them had been computed before.
  public let cachedTokens: Int
  /// The tokens generated, the end token not counted.
  public let generatedTokens: Int
  /// Seconds until the prompt was computed.
  public let promptSeconds: Double
  /// Seconds from then on.
  public let generationSeconds: Double
  /// How often the weights were read after the prompt: fewer times than there are tokens where guesses were right.
  public let passes: Int
  /// Why it ended.
  public let finishReason: FinishReason
  /// The passes by kind, for block diffusion.
  public var diffusion: BlockDiffusionPasses?
}

extension Session {
  /// Generates tokens after `prompt`.
  ///
  /// - Parameters:
  ///   - prompt: token ids; what they share with the session's tokens is not computed again.
  ///   - isCancelled: asked before every token.
  ///   - onToken: called with each token as it is chosen, end tokens excepted.
  /// - Returns: what was done.
  /// - Throws: ``ModelError`` for prompts that cannot be computed, `CancellationError` when `isCancelled` says so.
  @discardableResult
  public func generate(
    _ prompt: [Int], options: GenerationOptions = GenerationOptions(), isCancelled: () -> Bool = { false },
    onToken: (Int) -> Void
  ) throws -> GenerationSummary {
    try options.validate()
    if let diffusion = options.blockDiffusion {
      return try generateBlocks(
        prompt, diffusion: diffusion, options: options, isCancelled: isCancelled, onToken: onToken)
    }
    let ends = options.stopsAtEnd ? model.tokenizer?.endOfGeneration ?? [] : []
    let cached = zip(tokens, prompt).prefix { $0 == $1 }.count
    let clock = ContinuousClock()
    let begin = clock.now
    var chooser = TokenChooser(options.sampling, promptCount: prompt.count, constraint: options.constraint)
    let most = min(options.maximumTokens ?? .max, model.contextLength + 1 - prompt.count)
    let needed = chooser.neededTokens
    var sequence = prompt
    // The logits after the sequence and, when tokens were guessed, after each of the guesses too.
    var logits = try nextLogits(after: sequence, guesses: [], needed: needed, isCancelled: isCancelled)
    var guesses: [Int] = []
    let prefilled = clock.now
    var generated = 0
    var passes = 0
    var reason = FinishReason.maximumTokens
    generation: while options.maximumTokens.map({ generated < $0 }) ?? true {
      if isCancelled() { throw CancellationError() }
      // Every token is drawn as without guesses; a guess that it agrees with has its successor's logits ready.
      for (index, next) in logits.enumerated() {
        let token = try chooser.next(
          next, recent: sequence, left: most - generated, file: model.checkpoint.path)
        guard let token, !ends.contains(token) else {
          reason = token == nil ? .complete : .endToken
          break generation
        }
        onToken(token)
        generated += 1
        sequence.append(token)
        if chooser.isComplete {
          reason = .complete
          break generation
        }
        if generated == options.maximumTokens { break generation }
        guard index < guesses.count, token == guesses[index] else { break }
      }
      guard sequence.count <= model.contextLength else {
        reason = .contextFull
        break
      }
      guesses =
        options.guessesFromNGrams
        ? self.guesses(after: sequence, left: options.maximumTokens.map { $0 - generated }) : []
      logits = try nextLogits(after: sequence, guesses: guesses, needed: needed, isCancelled: isCancelled)
      passes += 1
    }
    return GenerationSummary(
      promptTokens: prompt.count, cachedTokens: min(cached, prompt.count - 1), generatedTokens: generated,
      promptSeconds: (prefilled - begin).inSeconds, generationSeconds: (clock.now - prefilled).inSeconds,
      passes: passes,
      finishReason: reason)
  }
}

extension Duration {
  package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension Session {
  /// What followed the last time that the sequence ended as it does now, up to four tokens.
  private func guesses(after sequence: [Int], left: Int?) -> [Int] {
    let limit = min(
      Session.lastTokens - 1, model.contextLength - sequence.count, (left ?? .max) - 1)
    guard limit > 0 else { return [] }
    for length in [3, 2] where sequence.count > length {
      let end = sequence.suffix(length)
      var start = sequence.count - length - 1
      while start >= 0 {
        if sequence[start..<start + length] == end { return Array(sequence[(start + length)...].prefix(limit)) }
        start -= 1
      }
    }
    return []
  }

  /// As many logits as are needed, all if `nil`, or an error where there is nothing to choose from: token 0 over and over
  /// would look like an answer.
  private func nextLogits(
    after sequence: [Int], guesses: [Int], needed: Int?, isCancelled: () -> Bool
  ) throws -> [[TokenLogit]] {
    let tokens = sequence + guesses, last = guesses.count + 1
    let candidates =
      if let count = needed {
        try likeliest(count, after: tokens, last: last, isCancelled: isCancelled)
      } else {
        try logits(after: tokens, last: last, isCancelled: isCancelled)
      }
    guard candidates.allSatisfy({ $0.contains(where: \.logit.isFinite) }) else {
      throw ModelError.nonFiniteLogits(file: model.checkpoint.path, tokens: tokens.count)
    }
    return candidates
  }
}

extension Model {
  /// Continues a text; the pieces arrive as they are generated, each whole Unicode.
  ///
  /// Cancelling the task that iterates, or dropping the iterator, ends the generation within one token.
  ///
  /// - Parameter onFinish: called once with what was done when the generation ends by itself.
  /// - Returns: the pieces of the continuation, without the prompt. Iterating throws ``ModelError`` when the model has no
  ///   tokenizer or the prompt does not fit, and ends early on cancellation.
  public func generate(
    _ prompt: String, options: GenerationOptions = GenerationOptions(),
    onFinish: (@Sendable (GenerationSummary) -> Void)? = nil
  ) -> AsyncThrowingStream<String, any Error> {
    stream { model, flag, emit in
      let tokenizer = try model.requiredTokenizer()
      let tokens = tokenizer.encode(prompt, parseSpecialTokens: options.parsesSpecialTokens)
      let summary = try model.makeSession().stream(
        tokens, decoder: tokenizer.makeStreamingDecoder(continuing: true), options: options,
        isCancelled: { flag.isSet },
        emit: emit)
      onFinish?(summary)
    }
  }

  /// Runs a generation on a thread of its own: it computes for seconds, which a task's thread must not.
  ///
  /// - Parameters:
  ///   - queue: serial; generations on one queue follow each other.
  ///   - admit: called before the work is queued, with the flag that says whether it is still wanted.
  func stream(
    on queue: DispatchQueue = DispatchQueue(label: "bitnet.generation"),
    admit: (CancellationFlag) throws -> Void = { _ in },
    _ work: @escaping @Sendable (_ model: Model, _ flag: CancellationFlag, _ emit: (String) -> Void) throws -> Void
  ) -> AsyncThrowingStream<String, any Error> {
    AsyncThrowingStream { continuation in
      let flag = CancellationFlag()
      do {
        try admit(flag)
      } catch {
        continuation.finish(throwing: error)
        return
      }
      continuation.onTermination = { _ in flag.set() }
      queue.async {
        do {
          try work(self, flag, { continuation.yield($0) })
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
    }
  }
}

extension Session {
  /// Generates and hands out text, holding back incomplete characters.
  func stream(
    _ tokens: [Int], decoder: StreamingDecoder, options: GenerationOptions, isCancelled: () -> Bool,
    emit: (String) -> Void
  ) throws -> GenerationSummary {
    var decoder = decoder
    let summary = try generate(tokens, options: options, isCancelled: isCancelled) { token in
      let piece = decoder.append(token)
      if !piece.isEmpty { emit(piece) }
    }
    let rest = decoder.finish()
    if !rest.isEmpty { emit(rest) }
    return summary
  }
}

/// Set by whoever no longer wants the answer, read by the thread that computes it.
final class CancellationFlag: Sendable {
  private let value = Atomic<Bool>(false)

  var isSet: Bool { value.load(ordering: .relaxed) }

  func set() { value.store(true, ordering: .relaxed) }
}
