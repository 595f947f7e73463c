import Kernels

/// One mutable sequence of tokens on a model: what has been computed, and the buffers to compute more.
///
/// There is one operation, "the logits after these tokens"; what can be kept of earlier calls is the session's affair.
/// A session is used by one thread at a time.
public final class Session {
  /// The model that computes.
  public let model: Model
  /// The tokens whose keys and values are in the cache.
  public private(set) var tokens: [Int] = []

  private let cache: KeyValueCache
  private let buffers: ForwardBuffers

  /// Tokens that pass through the blocks together; bounds the scratch memory and how long a cancellation waits.
  private static let batch = 256
  /// How many tokens at the end of a sequence can have their logits taken together.
  static let lastTokens = 5

  init(model: Model) {
    self.model = model
    cache = KeyValueCache(shape: model.configuration.cacheShape(precision: model.cachePrecision))
    buffers = ForwardBuffers(
      capacity: min(Session.batch, model.contextLength), logitRows: Session.lastTokens,
      configuration: model.configuration)
  }

  /// The logits of the token that follows `tokens`, `[vocabularySize]`.
  ///
  /// What `tokens` shares with the sequence at hand is not computed again.
  ///
  /// - Parameter isCancelled: asked between batches of tokens.
  /// - Throws: ``ModelError`` for an empty prompt, unknown ids, or more tokens than the context holds;
  ///   `CancellationError` when `isCancelled` says so.
  public func logits(after tokens: [Int], isCancelled: () -> Bool = { false }) throws -> [Float] {
    try evaluate(tokens, isCancelled: isCancelled)
    return model.transformer.logits(row: lastRow, buffers: buffers)
  }

  /// The likeliest token after `tokens`, as greedy generation finds it.
  package func greedyToken(after tokens: [Int], isCancelled: () -> Bool = { false }) throws -> Int {
    var sampler = Sampler(.greedy)
    return sampler.next(try likeliest(1, after: tokens, last: 1, isCancelled: isCancelled)[0], recent: tokens)
  }

  /// For each of the `last` last tokens, the logits of a set of tokens that contains the `count` likeliest to follow it.
  func likeliest(_ count: Int, after tokens: [Int], last: Int, isCancelled: () -> Bool) throws -> [[TokenLogit]] {
    try evaluate(tokens, last: last, isCancelled: isCancelled)
    return model.transformer.likeliest(count, rows: Array(lastRow + 1 - last...lastRow), buffers: buffers)
  }

  /// For each of the `last` last tokens, all logits of the token that follows it.
  func logits(after tokens: [Int], last: Int, isCancelled: () -> Bool) throws -> [[TokenLogit]] {
    try evaluate(tokens, last: last, isCancelled: isCancelled)
    return (lastRow + 1 - last...lastRow).map {
      TokenLogit.all(model.transformer.logits(row: $0, buffers: buffers))
    }
  }

  private var lastRow = 0

  /// Brings the cache to `tokens`, computing at least the `last` last of them, and these in one pass.
  ///
  /// - Parameter observe: called for each token computed and each layer (-1 for the embedding) with the residual stream
  ///   of that token, `[hiddenSize]`.
  /// - Parameter eachLogits: called for each token computed with the logits of the token after it, `[vocabularySize]`.
  /// - Parameter inspect: called for each token computed with what goes into each linear layer, `[inputs]`, and its queries
  ///   and keys.
  package func evaluate(
    _ tokens: [Int], last: Int = 1, isCancelled: () -> Bool = { false },
    observe: ((_ position: Int, _ layer: Int, _ hidden: [Float]) -> Void)? = nil,
    inspect: ((_ layer: Int, _ stage: ForwardStage, _ values: [Float]) -> Void)? = nil,
    eachLogits: ((_ position: Int, _ logits: [Float]) -> Void)? = nil
  ) throws {
    try model.validate(tokens)
    let shared = zip(self.tokens, tokens).prefix { $0 == $1 }.count
    precondition(last >= 1 && last <= min(tokens.count, Session.lastTokens), "\(last) last tokens")
    var start = min(shared, tokens.count - last)
    self.tokens.removeSubrange(start...)
    while start < tokens.count {
      if isCancelled() { throw CancellationError() }
      var end = min(start + buffers.capacity, tokens.count)
      // The last tokens must not be torn apart.
      if end < tokens.count, tokens.count - end < last { end = tokens.count - last }
      model.transformer.forward(
        [Transformer.Part(tokens: tokens[start..<end], start: start, cache: cache)], buffers: buffers,
        observe: observe.map { observe in
          { layer, hidden in for row in 0..<end - start { observe(start + row, layer, hidden.copy(row: row)) } }
        },
        inspect: inspect.map { inspect in
          { layer, stage, values in for row in 0..<end - start { inspect(layer, stage, values.copy(row: row)) } }
        })
      if let eachLogits {
        // A few rows at a time: a vocabulary is wide.
        for first in stride(from: 0, to: end - start, by: 32) {
          let rows = Array(first..<min(first + 32, end - start))
          let logits = model.transformer.logits(rows: rows, buffers: buffers)
          for (index, row) in rows.enumerated() { eachLogits(start + row, logits.copy(row: index)) }
        }
      }
      self.tokens.append(contentsOf: tokens[start..<end])
      lastRow = end - start - 1
      start = end
    }
  }
}
