import Tokenization

/// The passes of a generation by block diffusion.
public struct BlockDiffusionPasses: Sendable, Hashable, Codable {
  /// Passes over a whole block.
  public internal(set) var full = 0
  /// Passes over a sub-block alone.
  public internal(set) var subBlock = 0
  /// Passes that store the final keys and values of a block.
  public internal(set) var commit = 0
  /// Predictions of a masked position.
  public internal(set) var predictions = 0
  /// Those among them where the mask token was the likeliest, which a trained model does not say.
  public internal(set) var maskEchoes = 0

  /// All passes but the prompt's.
  public var total: Int { full + subBlock + commit }

  package init() {}

  /// Counts a pass and what it brought.
  package mutating func count(_ kind: BlockDiffusionPass.Kind, _ step: BlockDiffusionStep) {
    switch kind {
    case .prefill: break
    case .full: full += 1
    case .subBlock: subBlock += 1
    case .commit: commit += 1
    }
    predictions += step.predictions.count
    maskEchoes += step.predictions.count(where: \.echoesMask)
  }
}

extension Session {
  /// Generates by block diffusion; as ``generate(_:options:isCancelled:onToken:)``, but keeps nothing for later calls: keys
  /// and values of blocks are not those of tokens one by one.
  func generateBlocks(
    _ prompt: [Int], diffusion: BlockDiffusionOptions, options: GenerationOptions, isCancelled: () -> Bool,
    onToken: (Int) -> Void
  ) throws -> GenerationSummary {
    let vocabularySize = model.configuration.vocabularySize
    try diffusion.validate(vocabularySize: vocabularySize)
    try model.validate(prompt)
    var decoder = BlockDiffusionDecoder(
      prompt: prompt, options: diffusion, sampling: options.sampling, maximumTokens: options.maximumTokens,
      stopTokens: options.stopsAtEnd ? model.tokenizer?.endOfGeneration ?? [] : [], contextLength: model.contextLength)
    let batch = Batch(model: model, capacity: max(256, diffusion.blockSize))
    let cache = KeyValueCache(model: model)
    var passes = BlockDiffusionPasses()
    let clock = ContinuousClock()
    let begin = clock.now
    // A prompt shorter than a block is computed with its first block.
    var prefilled = begin
    while let pass = decoder.nextPass(limit: batch.capacity) {
      if isCancelled() { throw CancellationError() }
      _ = batch.compute(pass.entries(cache: cache))
      let logits = batch.logits(rows: pass.logitRows)
      guard logits.allSatisfy({ $0.contains(where: \.isFinite) }) else {
        throw ModelError.nonFiniteLogits(file: model.checkpoint.path, tokens: pass.parts[0].start)
      }
      let step = decoder.accept(logits, of: pass)
      if pass.kind == .prefill { prefilled = clock.now }
      passes.count(pass.kind, step)
      for token in step.committed { onToken(token) }
    }
    return GenerationSummary(
      promptTokens: prompt.count, cachedTokens: 0, generatedTokens: decoder.generatedTokens,
      promptSeconds: (prefilled - begin).inSeconds, generationSeconds: (clock.now - prefilled).inSeconds,
      passes: passes.total, finishReason: decoder.finishReason ?? .maximumTokens, diffusion: passes)
  }
}
