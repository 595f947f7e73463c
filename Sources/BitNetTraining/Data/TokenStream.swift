/// Batches of packed sequences without end, from a mixture of sources.
///
/// Each source's documents are drawn in an order that is shuffled anew in every epoch, by the seed alone. The sources
/// take turns by document so that each has its share of the tokens. Documents are laid one after another; what does not
/// fit into a sequence begins the next one. With several ranks, all see the same stream and each takes its own batches:
/// `n` ranks with a batch size of `b` learn from what one rank with `n b` does.
package final class TokenStream {
  /// Who takes which batches.
  package struct Rank: Sendable, Equatable {
    package let index: Int
    package let count: Int

    package init(index: Int = 0, of count: Int = 1) {
      precondition(count > 0 && (0..<count).contains(index), "rank \(index) of \(count)")
      self.index = index
      self.count = count
    }
  }

  package let sequenceLength: Int
  package let batchSize: Int
  private let sources: [TokenSource]
  /// The documents of each source to learn from, and those held out.
  private let training: [[Int]]
  private let heldOut: [[Int]]
  private let random: TrainingRandom
  private let shuffles: Bool
  private let rank: Rank
  /// The order of each source's documents in its present epoch.
  private var orders: [(epoch: Int, order: [Int])]
  private var state: DataPosition

  /// The share of each source's tokens in what follows; they need not add up to 1.
  package private(set) var shares: [Double]

  /// - Parameters:
  ///   - shares: as many as sources; the sources' sizes where `nil`.
  ///   - heldOut: the share of each source's documents that is kept for validation; which ones depends on the seed.
  ///   - shuffles: whether documents are drawn in random order.
  /// - Throws: `TokenStreamError` if nothing is left to learn from.
  package init(
    sources: [TokenSource], shares: [Double]? = nil, seed: UInt64, sequenceLength: Int, batchSize: Int,
    heldOut: Double = 0, shuffles: Bool = true, rank: Rank = Rank()
  ) throws {
    guard sequenceLength > 1, batchSize > 0 else {
      throw TokenStreamError.shape(sequenceLength: sequenceLength, batchSize: batchSize)
    }
    guard !sources.isEmpty else { throw TokenStreamError.noSources }
    let random = TrainingRandom(seed: seed)
    let split = sources.indices.map { source in
      let choice = random.child(.validation, source)
      let documents = 0..<sources[source].documentCount
      return (
        documents.filter { choice.unit($0) >= heldOut }, documents.filter { choice.unit($0) < heldOut }
      )
    }
    for (source, documents) in zip(sources, split) where documents.0.isEmpty {
      throw TokenStreamError.empty(source: source.name, documents: source.documentCount, heldOut: heldOut)
    }
    self.sources = sources
    self.sequenceLength = sequenceLength
    self.batchSize = batchSize
    self.random = random
    self.shuffles = shuffles
    self.rank = rank
    training = split.map(\.0)
    self.heldOut = split.map(\.1)
    orders = sources.map { _ in (-1, []) }
    state = DataPosition(
      sources: zip(sources, split).map { source, documents in
        DataPosition.Source(
          name: source.name, documents: documents.0.count,
          tokens: documents.0.reduce(0) { $0 + source.length(of: $1) })
      })
    self.shares = []
    try setShares(shares ?? state.sources.map { Double($0.tokens) })
  }

  /// Changes the mixture, as a new phase does.
  ///
  /// - Throws: `TokenStreamError` unless there is one share for each source, none negative and one positive.
  package func setShares(_ shares: [Double]) throws {
    guard shares.count == sources.count, shares.allSatisfy({ $0 >= 0 && $0.isFinite }),
      shares.contains(where: { $0 > 0 })
    else { throw TokenStreamError.shares(shares, sources: sources.map(\.name)) }
    let sum = shares.reduce(0, +)
    self.shares = shares.map { $0 / sum }
  }

  /// Where the stream stands.
  package var position: DataPosition { state }

  /// Goes to where a stream over the same data stood.
  ///
  /// - Throws: `TokenStreamError` if the data are others.
  package func restore(_ position: DataPosition) throws {
    for (index, saved) in position.sources.enumerated() {
      let own = index < state.sources.count ? state.sources[index] : nil
      guard let own, own.name == saved.name, own.documents == saved.documents, own.tokens == saved.tokens,
        saved.epoch >= 0, (0...saved.documents).contains(saved.drawn)
      else { throw TokenStreamError.changed(saved: saved, found: own) }
    }
    guard position.sources.count == state.sources.count, position.isWithin(sources) else {
      throw TokenStreamError.position
    }
    state = position
  }

  /// The tokens of all sources to learn from, once each.
  package var tokensPerEpoch: Int { state.sources.reduce(0) { $0 + $1.tokens } }

  /// The next batch of this rank.
  ///
  /// - Throws: `FormatError` if a shard is damaged.
  package func next() throws -> TokenBatch {
    var sequences: [[Int]] = []
    var documents: [[Range<Int>]] = []
    for index in 0..<rank.count * batchSize {
      let isOwn = index / batchSize == rank.index
      var tokens: [Int] = []
      var ranges: [Range<Int>] = []
      var filled = 0
      while filled < sequenceLength {
        let (source, document, stretch) = take(sequenceLength - filled)
        if isOwn { try sources[source].append(document, stretch, to: &tokens) }
        ranges.append(filled..<filled + stretch.count)
        filled += stretch.count
      }
      if isOwn {
        sequences.append(tokens)
        documents.append(ranges)
      }
      state.sequences += 1
    }
    return TokenBatch(sequences: sequences, documents: documents)
  }

  /// Takes up to so many tokens of the present document, or of the next one.
  private func take(_ limit: Int) -> (source: Int, document: Int, stretch: Range<Int>) {
    let source = state.current ?? draw()
    let document = state.document
    let length = sources[source].length(of: document)
    let start = state.taken
    let end = min(length, start + limit)
    state.taken = end
    if end == length { state.current = nil }
    return (source, document, start..<end)
  }

  /// Draws the next document: from the source that is owed most.
  private func draw() -> Int {
    var source = 0
    for index in sources.indices where shares[index] > 0 {
      if shares[source] == 0 || state.sources[index].credit > state.sources[source].credit { source = index }
    }
    if state.sources[source].drawn == training[source].count {
      state.sources[source].epoch += 1
      state.sources[source].drawn = 0
    }
    let document = order(of: source)[state.sources[source].drawn]
    state.sources[source].drawn += 1
    let length = Double(sources[source].length(of: document))
    for index in sources.indices { state.sources[index].credit += shares[index] * length }
    state.sources[source].credit -= length
    state.current = source
    state.document = document
    state.taken = 0
    return source
  }

  /// The order of a source's documents in its present epoch (Fisher and Yates).
  private func order(of source: Int) -> [Int] {
    let epoch = state.sources[source].epoch
    guard orders[source].epoch != epoch else { return orders[source].order }
    var order = training[source]
    if shuffles {
      let choice = random.child(.shuffling, source, epoch)
      for index in stride(from: order.count - 1, to: 0, by: -1) {
        order.swapAt(index, Int(choice.value(index) % UInt64(index + 1)))
      }
    }
    orders[source] = (epoch, order)
    return order
  }

  /// The held-out documents, packed in their order; the last sequence is as short as it comes.
  ///
  /// - Parameter limit: the most batches.
  /// - Throws: `FormatError` if a shard is damaged.
  package func heldOutBatches(limit: Int = .max) throws -> [TokenBatch] {
    try Self.batches(
      of: zip(sources, heldOut).map { (source: $0, documents: $1) }, sequenceLength: sequenceLength,
      batchSize: batchSize, limit: limit)
  }

  /// All documents of sources, packed in their order; the last sequence is as short as it comes.
  ///
  /// - Throws: `FormatError` if a shard is damaged.
  package static func batches(
    of sources: [TokenSource], sequenceLength: Int, batchSize: Int, limit: Int = .max
  ) throws -> [TokenBatch] {
    try batches(
      of: sources.map { (source: $0, documents: Array(0..<$0.documentCount)) }, sequenceLength: sequenceLength,
      batchSize: batchSize, limit: limit)
  }

  private static func batches(
    of sources: [(source: TokenSource, documents: [Int])], sequenceLength: Int, batchSize: Int, limit: Int
  ) throws -> [TokenBatch] {
    var sequences: [(tokens: [Int], documents: [Range<Int>])] = [([], [])]
    packing: for (source, documents) in sources {
      for document in documents {
        var taken = 0
        let length = source.length(of: document)
        while taken < length {
          if sequences[sequences.count - 1].tokens.count == sequenceLength {
            guard sequences.count / batchSize < limit else { break packing }
            sequences.append(([], []))
          }
          let start = sequences[sequences.count - 1].tokens.count
          let count = min(length - taken, sequenceLength - start)
          try source.append(document, taken..<taken + count, to: &sequences[sequences.count - 1].tokens)
          sequences[sequences.count - 1].documents.append(start..<start + count)
          taken += count
        }
      }
    }
    // Sequences of one batch have one length, and one token predicts nothing.
    let full = sequences.filter { $0.tokens.count == sequenceLength }
    let rest = sequences.filter { $0.tokens.count > 1 && $0.tokens.count < sequenceLength }
    let groups = stride(from: 0, to: full.count, by: batchSize).map { full[$0..<min($0 + batchSize, full.count)] }
    return (groups + rest.map { [$0] }).prefix(limit).map { group in
      TokenBatch(sequences: group.map(\.tokens), documents: group.map(\.documents))
    }
  }
}

extension DataPosition {
  /// Whether the part of a document that is left is there.
  fileprivate func isWithin(_ sources: [TokenSource]) -> Bool {
    guard let current else { return true }
    guard sources.indices.contains(current), (0..<sources[current].documentCount).contains(document) else {
      return false
    }
    return (0..<sources[current].length(of: document)).contains(taken)
  }
}
