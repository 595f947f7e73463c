/// How block diffusion noises a batch: block-diffusion training of Fast-dLLM v2 (arXiv 2509.26328).
package struct BlockDiffusionView: Hashable, Sendable {
  /// What a noised token sees.
  package enum Attention: String, Hashable, Sendable {
    /// All of its own noised block, and the clean blocks before it.
    case bidirectional
    /// The noised tokens before it in its document, and itself; there are no clean copies.
    case causal
  }

  /// The token that stands for what is masked.
  package var maskToken: Int
  /// The tokens of a block.
  package var blockSize: Int
  /// The share of tokens that is masked; `nil` draws one for each block, uniform between 0.001 and 1.
  package var maskProbability: Double?
  /// Whether every batch is used twice, with the masks and with their complements, so that each token is predicted once.
  package var isComplementary: Bool
  package var attention: Attention

  package init(
    maskToken: Int, blockSize: Int, maskProbability: Double? = nil, isComplementary: Bool = true,
    attention: Attention = .bidirectional
  ) {
    self.maskToken = maskToken
    self.blockSize = blockSize
    self.maskProbability = maskProbability
    self.isComplementary = isComplementary
    self.attention = attention
  }

  /// Which tokens of a document are masked in the first view. A document's first token never is: nothing predicts it.
  package func mask(_ sequence: Int, _ document: Range<Int>, random: TrainingRandom) -> [Bool] {
    let place = random.child(.masking, sequence, document.lowerBound)
    return (0..<document.count).map { offset in
      let ratio = maskProbability ?? (1 - 0.001) * place.unit(0, offset / blockSize) + 0.001
      return offset > 0 && place.unit(1, offset) < ratio
    }
  }

  /// For every document its noised copies, then, unless attention is causal, the clean one that they share.
  package func pass(_ batch: TokenBatch, random: TrainingRandom) -> TrainingPass {
    var pass = TrainingPass()
    for (index, tokens) in batch.sequences.enumerated() {
      for document in batch.documents[index] where document.count > 1 {
        let mask = mask(index, document, random: random)
        add(Array(tokens[document]), mask: mask, to: &pass)
      }
    }
    return pass
  }

  private func add(_ tokens: [Int], mask: [Bool], to pass: inout TrainingPass) {
    // The last block is whole while decoding: what lies behind the document is masked then, and not predicted here.
    let isCausal = attention == .causal
    let padded = isCausal ? tokens.count : (tokens.count + blockSize - 1) / blockSize * blockSize
    let copies = isComplementary ? 2 : 1
    let first = pass.tokens.count, clean = first + copies * padded
    for copy in 0..<copies {
      let start = first + copy * padded
      for offset in 0..<padded {
        let isMasked = offset >= tokens.count || (offset > 0 && mask[offset] == (copy == 0))
        pass.tokens.append(isMasked ? maskToken : tokens[offset])
        if isMasked && offset < tokens.count {
          pass.targets.append(TrainingPass.Target(row: start + offset - 1, token: tokens[offset]))
        }
      }
      pass.positions += 0..<padded
      guard !isCausal else {
        pass.groups.append(.causal(start..<start + padded))
        continue
      }
      for block in stride(from: 0, to: padded, by: blockSize) {
        let rows = start + block..<start + block + blockSize
        pass.groups.append(
          AttentionGroup(
            queries: rows, keys: [clean..<clean + block, rows],
            seen: Array(repeating: block + blockSize, count: blockSize)))
      }
    }
    guard !isCausal else { return }
    pass.tokens += tokens
    pass.positions += 0..<tokens.count
    pass.groups.append(
      AttentionGroup(
        queries: clean..<clean + tokens.count, keys: [clean..<clean + tokens.count],
        seen: tokens.indices.map { min(tokens.count, ($0 / blockSize + 1) * blockSize) }))
  }
}
