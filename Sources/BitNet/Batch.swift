import Kernels

/// Several sequences that pass through the weights together: reading them once for all is what makes a server fast.
///
/// What a sequence's logits are does not depend on what else is in the batch, to the last bit. A batch is used by one thread
/// at a time.
package final class Batch {
  /// Tokens of one sequence.
  package struct Entry {
    /// Holds the keys and values of the `start` tokens before, and takes those of `tokens`.
    package let cache: KeyValueCache
    /// Ids of the vocabulary.
    package let tokens: [Int]
    /// The position of the first of them.
    package let start: Int
    /// Whether a token sees only those before it and itself; otherwise all up to `end`, as in a block of block diffusion.
    package let isCausal: Bool
    /// Where what the tokens see ends, if they are not causal; behind the tokens the cache holds what an earlier pass stored.
    package let end: Int

    package init(cache: KeyValueCache, tokens: [Int], start: Int, isCausal: Bool = true, end: Int? = nil) {
      self.cache = cache
      self.tokens = tokens
      self.start = start
      self.isCausal = isCausal
      self.end = end ?? start + tokens.count
    }
  }

  /// The positions of a page of the cache.
  package static var pagePositions: Int { CachePage.positions }

  /// The bytes of a page of the cache.
  package static func pageBytes(of model: Model) -> Int {
    model.configuration.cacheShape(precision: model.cachePrecision).pageBytes
  }

  /// The model that computes.
  package let model: Model
  /// The most tokens of all entries together.
  package let capacity: Int
  private let buffers: ForwardBuffers

  package init(model: Model, capacity: Int = 256, logitRows: Int = 32) {
    self.model = model
    self.capacity = capacity
    buffers = ForwardBuffers(capacity: capacity, logitRows: logitRows, configuration: model.configuration)
  }

  /// Computes all entries in one pass.
  ///
  /// - Returns: the rows of each entry's tokens, to ask for their logits.
  /// - Precondition: all ids are in the vocabulary, all positions in the context.
  package func compute(_ entries: [Entry]) -> [Range<Int>] {
    let parts = entries.map {
      Transformer.Part(tokens: $0.tokens[...], start: $0.start, cache: $0.cache, isCausal: $0.isCausal, end: $0.end)
    }
    model.transformer.forward(parts, buffers: buffers)
    var rows = 0
    return entries.map { entry in
      defer { rows += entry.tokens.count }
      return rows..<rows + entry.tokens.count
    }
  }

  /// For each of `rows`, the logits of a set of tokens that contains the `count` likeliest to follow.
  package func likeliest(_ count: Int, rows: [Int]) -> [[TokenLogit]] {
    stride(from: 0, to: rows.count, by: buffers.logitRows).flatMap { first in
      model.transformer.likeliest(
        count, rows: Array(rows[first..<min(first + buffers.logitRows, rows.count)]), buffers: buffers)
    }
  }

  /// For each of `rows`, the logits of the token that follows, `[rows.count, vocabularySize]`.
  package func logits(rows: [Int]) -> [[Float]] {
    stride(from: 0, to: rows.count, by: buffers.logitRows).flatMap { first in
      let chosen = Array(rows[first..<min(first + buffers.logitRows, rows.count)])
      let logits = model.transformer.logits(rows: chosen, buffers: buffers)
      return chosen.indices.map(logits.copy(row:))
    }
  }
}
