/// Writes one sequence by block diffusion, without computing anything itself: it says what the next pass over the weights
/// must compute and takes the logits, so that one pass can serve many sequences.
///
/// The loop is that of Fast-dLLM v2 (arXiv 2509.26328, `generation_functions.py`). Blocks are counted from the beginning of
/// the sequence. The block at hand starts as masks; each pass reveals some; once none is left, a last pass stores the keys
/// and values of its tokens and predicts the first token of the next block.
///
///     while let pass = decoder.nextPass() {
///       let rows = batch.compute(pass.entries(cache: cache))
///       let step = decoder.accept(batch.logits(rows: pass.logitRows), of: pass)
///     }
package struct BlockDiffusionDecoder {
  /// Why the generation has ended; `nil` while it has not.
  package private(set) var finishReason: FinishReason?
  /// How many tokens have been committed.
  package private(set) var generatedTokens = 0

  private let options: BlockDiffusionOptions
  private let maximumTokens: Int?
  private let stopTokens: Set<Int>
  private let contextLength: Int
  private let promptCount: Int
  private var predictor: MaskPredictor

  /// The prompt and what has been revealed; `nil` is a mask.
  private var tokens: [Int?]
  /// The positions whose keys and values are final, whole blocks.
  private var stored: Int
  /// The position up to which tokens have been handed out.
  private var handedOut: Int
  /// How many passes the sub-block at hand has had.
  private var passesOfSubBlock = 0
  /// Whether the keys and values of all of the block at hand are in the cache, if not the final ones.
  private var hasBlockCache = false

  /// - Parameters:
  ///   - prompt: not empty, no longer than `contextLength`.
  ///   - computed: how many positions of the prompt the cache holds already, by the same options; whole blocks are used.
  ///   - maximumTokens: the most tokens to commit.
  ///   - stopTokens: end the generation, and are not committed.
  ///   - contextLength: the positions that there are; blocks are not begun unless they fit.
  package init(
    prompt: [Int], computed: Int = 0, options: BlockDiffusionOptions, sampling: Sampling, maximumTokens: Int?,
    stopTokens: Set<Int>, contextLength: Int
  ) {
    self.options = options
    self.maximumTokens = maximumTokens
    self.stopTokens = stopTokens
    self.contextLength = contextLength
    promptCount = prompt.count
    predictor = MaskPredictor(maskToken: options.maskToken, sampling: sampling)
    tokens = prompt
    handedOut = prompt.count
    // A prompt of whole blocks needs its last one again: its logits are where the first token comes from.
    let usable = prompt.count.isMultiple(of: options.blockSize) ? prompt.count - 1 : prompt.count
    stored = min(computed, usable) / options.blockSize * options.blockSize
    if maximumTokens == 0 { finishReason = .maximumTokens } else { openBlock() }
  }

  /// The positions from the beginning whose keys and values are final, and may be kept for other sequences.
  package var storedPositions: Int { stored }

  /// The block at hand.
  package var block: Range<Int> { stored..<stored + options.blockSize }

  /// What to compute next; `nil` when the generation has ended.
  ///
  /// - Parameter limit: the most tokens of a pass, as far as the prompt is concerned; other passes take a block at most.
  package func nextPass(limit: Int = 256) -> BlockDiffusionPass? {
    if finishReason != nil { return nil }
    if stored < promptBlocks { return prefill(limit: limit) }
    guard let subBlock else { return commit }
    let isFull =
      !options.usesSubBlockCache || !hasBlockCache || tokens[subBlock.lowerBound] == nil || subBlock == block
    let computed = isFull ? block : subBlock
    return BlockDiffusionPass(
      kind: isFull ? .full : .subBlock, parts: [part(computed)],
      logitRows: subBlock.filter { tokens[$0] == nil }.map { $0 - 1 - computed.lowerBound })
  }

  /// Takes the logits of a pass.
  ///
  /// - Parameter logits: `[pass.logitRows.count, vocabularySize]`, each with a finite number.
  package mutating func accept(_ logits: [[Float]], of pass: BlockDiffusionPass) -> BlockDiffusionStep {
    precondition(logits.count == pass.logitRows.count, "\(logits.count) rows for \(pass.logitRows.count)")
    var predictions: [BlockDiffusionStep.Prediction] = []
    switch pass.kind {
    case .prefill, .commit:
      stored += pass.tokenCount
      hasBlockCache = false
      passesOfSubBlock = 0
      if let row = logits.first {
        predictions = [predictor.predict(row, position: stored, behind: tokens)]
        predictions.reveal(above: 0)
        tokens.append(nil)
      }
    case .full, .subBlock:
      let start = pass.parts[0].start
      for (row, logits) in zip(pass.logitRows, logits) {
        predictions.append(predictor.predict(logits, position: start + row + 1, behind: tokens))
      }
      passesOfSubBlock += 1
      hasBlockCache = true
      predictions.reveal(above: options.threshold(ofPass: passesOfSubBlock))
    }
    let before = subBlock
    for prediction in predictions where prediction.isRevealed { tokens[prediction.position] = prediction.token }
    if subBlock != before { passesOfSubBlock = 0 }
    let committed = handOut()
    openBlock()
    return BlockDiffusionStep(predictions: predictions, committed: committed, finishReason: finishReason)
  }
}

extension BlockDiffusionDecoder {
  /// Where the whole blocks of the prompt end.
  private var promptBlocks: Int { promptCount / options.blockSize * options.blockSize }

  /// The first sub-block of the block at hand with a mask.
  private var subBlock: Range<Int>? {
    guard tokens.count >= block.upperBound, let mask = block.first(where: { tokens[$0] == nil }) else { return nil }
    let size = options.effectiveSubBlockSize
    let start = stored + (mask - stored) / size * size
    return start..<start + size
  }

  private func part(_ positions: Range<Int>) -> BlockDiffusionPass.Part {
    BlockDiffusionPass.Part(
      tokens: positions.map { tokens[$0] ?? options.maskToken }, start: positions.lowerBound,
      isCausal: options.attention == .causal,
      end: positions.lowerBound / options.blockSize * options.blockSize + options.blockSize)
  }

  private func prefill(limit: Int) -> BlockDiffusionPass {
    let size = options.blockSize
    let end = min(promptBlocks, stored + max(1, limit / size) * size)
    return BlockDiffusionPass(
      kind: .prefill, parts: stride(from: stored, to: end, by: size).map { part($0..<$0 + size) },
      logitRows: end == promptCount ? [end - stored - 1] : [])
  }

  private var commit: BlockDiffusionPass {
    BlockDiffusionPass(kind: .commit, parts: [part(block)], logitRows: [options.blockSize - 1])
  }

  /// Fills the block at hand up with masks; the last one too, as in training.
  private mutating func openBlock() {
    guard finishReason == nil, stored >= promptBlocks, tokens.count < block.upperBound else { return }
    guard block.upperBound <= contextLength else {
      finishReason = .contextFull
      return
    }
    tokens += Array(repeating: nil, count: block.upperBound - tokens.count)
  }

  /// The revealed tokens before the first mask that have not been handed out.
  private mutating func handOut() -> [Int] {
    var committed: [Int] = []
    while finishReason == nil, handedOut < tokens.count, let token = tokens[handedOut] {
      if stopTokens.contains(token) {
        finishReason = .endToken
        break
      }
      committed.append(token)
      handedOut += 1
      generatedTokens += 1
      if generatedTokens == maximumTokens { finishReason = .maximumTokens }
    }
    return committed
  }
}
