import BitNet

/// One sequence on its way: what it has, what it wants of the next pass, and what it makes of that.
final class RunningSequence {
  let request: SequenceRequest
  let channel: EventChannel
  private(set) var tokens: [Int]
  /// How many of them have their final keys and values in the cache.
  private(set) var computed = 0
  /// Writes the sequence by block diffusion, if that is how it is written.
  private var decoder: BlockDiffusionDecoder?
  private(set) var cache: KeyValueCache

  private let submitted: ContinuousClock.Instant
  private let model: Model
  private var cachedPromptTokens = 0
  private var hasStarted = false
  private var chooser: TokenChooser
  private var promptLogprobs: [GeneratedToken] = []

  init(_ request: SequenceRequest, channel: EventChannel, submitted: ContinuousClock.Instant, model: Model) {
    self.request = request
    self.channel = channel
    self.submitted = submitted
    self.model = model
    tokens = request.prompt
    cache = KeyValueCache(model: model)
    chooser = TokenChooser(
      request.sampling, promptCount: request.prompt.count, constraint: request.constraint)
  }

  /// The tokens that have not been computed.
  private var pending: Int { tokens.count - computed }
  /// Whether more than what is being written has to be computed.
  var isReadingPrompt: Bool {
    decoder.map { $0.storedPositions < request.prompt.count - $0.block.count } ?? (pending > 1)
  }
  /// Whether its next token needs a page that it does not have.
  var needsPage: Bool { computed == cache.pages.count * Batch.pagePositions }
  /// Whether it needs another page within the next steps.
  var needsPageSoon: Bool { computed + 16 >= cache.pages.count * Batch.pagePositions }
  /// Whether it is written by block diffusion, block after block. It cannot begin again in the midst of a block.
  var isDiffusion: Bool { decoder != nil }
  /// The most positions that it will ever need.
  var mostPositions: Int {
    let (most, overflows) = request.prompt.count.addingReportingOverflow(request.maximumTokens ?? .max)
    return min(model.contextLength, overflows ? .max : most + (decoder?.block.count ?? 0))
  }
  /// Whether nobody wants more of it.
  var isUnwanted: Bool { channel.isCancelled || isLate }

  private var isLate: Bool { request.deadline.map { ContinuousClock.now >= $0 } ?? false }

  /// Looks for its beginning among earlier sequences.
  ///
  /// - Throws: ``ModelError`` for a prompt that cannot be computed.
  func prepare(_ prefixes: PrefixCache) throws(ModelError) {
    try validate()
    // What is cached has no logits any more.
    if !request.wantsPromptLogprobs {
      let pages = prefixes.pages(for: tokens)
      cache.adopt(pages)
      computed = pages.count * Batch.pagePositions
    }
    if let options = request.diffusion {
      let made = BlockDiffusionDecoder(
        prompt: request.prompt, computed: computed, options: options, sampling: request.sampling,
        maximumTokens: request.maximumTokens, stopTokens: request.stopTokens, contextLength: model.contextLength)
      computed = made.storedPositions
      decoder = made
    }
  }

  /// Reports that it is being computed.
  func start() {
    guard !hasStarted else { return }
    hasStarted = true
    cachedPromptTokens = computed
    channel.send(.started(queueTime: submitted.duration(to: .now), cachedPromptTokens: computed))
  }

  private func validate() throws(ModelError) {
    guard !tokens.isEmpty else { throw .emptyPrompt }
    guard tokens.count <= model.contextLength else {
      throw .contextExceeded(tokens: tokens.count, contextLength: model.contextLength)
    }
    let vocabularySize = model.configuration.vocabularySize
    if let unknown = tokens.first(where: { !(0..<vocabularySize).contains($0) }) {
      throw .invalidToken(unknown, vocabularySize: vocabularySize)
    }
  }

  /// Gives its memory back; all of it is computed again when there is room.
  func retreat() {
    cache = KeyValueCache(model: model)
    computed = 0
  }

  // MARK: A step

  /// What to compute of the sequence in the next pass.
  ///
  /// - Parameter limit: the most tokens of the prompt.
  func step(limit: Int) -> EngineStep? {
    guard let decoder else {
      let count = min(pending, limit)
      let entry = Batch.Entry(cache: cache, tokens: Array(tokens[computed..<computed + count]), start: computed)
      return EngineStep(sequence: self, entries: [entry], diffusion: nil)
    }
    guard let pass = decoder.nextPass(limit: limit) else { return nil }
    return EngineStep(sequence: self, entries: pass.entries(cache: cache), diffusion: pass)
  }

  /// Takes the logits of a pass of block diffusion.
  ///
  /// - Throws: ``ModelError/nonFiniteLogits(file:tokens:)``.
  func accept(_ logits: [[Float]], of pass: BlockDiffusionPass) throws(ModelError) {
    guard var decoder else { return }
    guard logits.allSatisfy({ $0.contains(where: \.isFinite) }) else {
      throw .nonFiniteLogits(file: model.checkpoint.path, tokens: tokens.count)
    }
    let step = decoder.accept(logits, of: pass)
    self.decoder = decoder
    computed = decoder.storedPositions
    for token in step.committed {
      tokens.append(token)
      channel.send(.token(GeneratedToken(id: token)))
    }
    guard request.wantsProvisional, !step.predictions.isEmpty else { return }
    channel.send(
      .provisional(
        step.predictions.filter { $0.position >= tokens.count }.map {
          ProvisionalToken(offset: $0.position - tokens.count, id: $0.token, confidence: $0.confidence)
        }))
  }

  /// Of the next `count` tokens, those whose logits are the probabilities of the prompt's.
  func promptRows(_ count: Int) -> Range<Int> {
    guard request.wantsPromptLogprobs else { return 0..<0 }
    // After a retreat they have been reported.
    let first = max(0, promptLogprobs.count - 1 - computed)
    return first..<max(first, min(count, request.prompt.count - 1 - computed))
  }

  /// Whether the prompt's probabilities are wanted of a prompt that has none: a single token.
  var owesFirstTokenOnly: Bool {
    request.wantsPromptLogprobs && request.prompt.count == 1 && promptLogprobs.isEmpty
  }

  /// Takes the logits of ``promptRows(_:)``.
  func accept(promptLogits: [[Float]], from first: Int) {
    if promptLogprobs.isEmpty { promptLogprobs.append(GeneratedToken(id: request.prompt[0])) }
    for (offset, logits) in promptLogits.enumerated() {
      let id = request.prompt[computed + first + offset + 1]
      promptLogprobs.append(GeneratedToken(id, logits: logits, top: request.topLogprobs ?? 0))
    }
    if promptLogprobs.count == request.prompt.count { channel.send(.promptLogprobs(promptLogprobs)) }
  }

  /// Notes that the next `count` tokens were computed.
  ///
  /// - Returns: whether the next token is to be chosen.
  func advance(_ count: Int) -> Bool {
    computed += count
    return pending == 0 && end == nil
  }

  /// How many of the likeliest tokens decide about the next one; `nil` when all logits are needed.
  var neededTokens: Int? { request.topLogprobs == nil ? chooser.neededTokens : nil }

  /// Chooses the next token.
  ///
  /// - Parameter logits: of a set that contains the ``neededTokens`` likeliest.
  /// - Throws: ``ModelError/nonFiniteLogits(file:tokens:)``, ``ModelError/noAllowedToken(file:)``.
  func choose(_ logits: [TokenLogit]) throws(ModelError) {
    guard logits.contains(where: \.logit.isFinite) else {
      throw .nonFiniteLogits(file: model.checkpoint.path, tokens: tokens.count)
    }
    let most = min(request.maximumTokens ?? .max, model.contextLength + 1 - request.prompt.count)
    let next = try chooser.next(
      logits, recent: tokens, left: most - (tokens.count - request.prompt.count), file: model.checkpoint.path)
    guard let token = next else { return }
    tokens.append(token)
    let reported = request.topLogprobs.map { GeneratedToken(token, logits: logits.map(\.logit), top: $0) }
    channel.send(.token(reported ?? GeneratedToken(id: token)))
  }

  // MARK: The end

  /// Why the sequence ends here, if it does.
  var end: SequenceEnd? {
    if channel.isCancelled { return .cancelled }
    if isLate { return .deadline }
    if let reason = decoder?.finishReason { return reason == .endToken ? .stop : .length }
    let generated = tokens.count - request.prompt.count
    if generated > 0, let last = tokens.last, request.stopTokens.contains(last) { return .stop }
    if chooser.isComplete { return .stop }
    let isReported = !request.wantsPromptLogprobs || promptLogprobs.count == request.prompt.count || generated > 0
    if isReported, generated >= request.maximumTokens ?? .max { return .length }
    // The last token of a full context is generated and never read.
    return tokens.count > model.contextLength ? .length : nil
  }

  /// Reports the end.
  func finish(_ end: SequenceEnd) {
    let usage = SequenceUsage(
      promptTokens: request.prompt.count, cachedPromptTokens: cachedPromptTokens,
      generatedTokens: tokens.count - request.prompt.count)
    channel.send(.finished(end, usage))
    channel.finish()
  }
}

/// What a pass computes of one sequence.
struct EngineStep {
  let sequence: RunningSequence
  let entries: [Batch.Entry]
  /// The pass of block diffusion that the entries are.
  let diffusion: BlockDiffusionPass?

  var tokenCount: Int { entries.reduce(0) { $0 + $1.tokens.count } }
  /// Where the positions end that must be in the cache.
  var end: Int { entries.map { $0.start + $0.tokens.count }.max() ?? 0 }
}
