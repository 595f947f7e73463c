/// What a ``BlockDiffusionDecoder`` wants computed next.
package struct BlockDiffusionPass {
  /// What a pass is for.
  package enum Kind: Hashable, Sendable {
    /// Keys and values of whole blocks of the prompt.
    case prefill
    /// Predictions from the whole block at hand.
    case full
    /// Predictions from a sub-block alone, which sees the rest of its block as the last full pass left it.
    case subBlock
    /// The final keys and values of a block without masks, and the first token of the next.
    case commit
  }

  /// Tokens that see each other.
  package struct Part {
    /// Ids, the mask token where nothing is known.
    package let tokens: [Int]
    /// The position of the first of them.
    package let start: Int
    /// Whether they see what is behind them in their block.
    package let isCausal: Bool
    /// Where what they see ends, unless they are causal.
    package let end: Int
  }

  /// What the pass is for.
  package let kind: Kind
  /// In the order of their positions; a later part sees the ones before.
  package let parts: [Part]
  /// The rows whose logits are wanted, counted over the tokens of all parts. The logits of a row predict the token at the
  /// position behind it (token shift).
  package let logitRows: [Int]

  /// The number of tokens to compute.
  package var tokenCount: Int { parts.reduce(0) { $0 + $1.tokens.count } }

  /// The parts as entries of a batch.
  package func entries(cache: KeyValueCache) -> [Batch.Entry] {
    parts.map {
      Batch.Entry(cache: cache, tokens: $0.tokens, start: $0.start, isCausal: $0.isCausal, end: $0.end)
    }
  }
}

/// What a pass of block diffusion brought.
package struct BlockDiffusionStep {
  /// A token that a pass proposed for a position.
  package struct Prediction {
    /// Counted from the beginning of the prompt.
    package let position: Int
    package let token: Int
    /// Its probability among all tokens but the mask token.
    package let confidence: Float
    /// Whether it stands from now on; the others are open and may change.
    package fileprivate(set) var isRevealed = false
    /// Whether the mask token had been likelier, which a trained model does not say.
    package let echoesMask: Bool
  }

  /// All that was predicted, by position.
  package let predictions: [Prediction]
  /// The tokens that the output goes on with: they and all before them stand. No stop token.
  package let committed: [Int]
  /// Why the generation has ended; `nil` while it has not.
  package let finishReason: FinishReason?
}

extension [BlockDiffusionStep.Prediction] {
  /// Reveals what is more confident than the threshold, and always the most confident, the first among equals.
  mutating func reveal(above threshold: Float) {
    guard
      let best = indices.max(by: {
        self[$0].confidence < self[$1].confidence || (self[$0].confidence == self[$1].confidence && $0 > $1)
      })
    else { return }
    for index in indices where index == best || self[index].confidence > threshold { self[index].isRevealed = true }
  }
}
