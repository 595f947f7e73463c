import Tokenization

/// The batches of a run: those to learn from, mixed as the curriculum says, and those that are held out.
final class TrainingData {
  /// The batches to measure on.
  let validation: [TokenBatch]
  private let data: TrainingConfiguration.Data
  private let masksDocuments: Bool
  private let stream: TokenStream

  init(_ configuration: TrainingConfiguration, tokenizer: Tokenizer) throws {
    data = configuration.data
    masksDocuments = configuration.packing.masksDocuments
    stream = try TokenStream(
      sources: data.sources.map { try $0.tokens(tokenizer) }, shares: data.shares(mixture: nil),
      seed: configuration.run.seed, sequenceLength: configuration.maxSequenceLength,
      batchSize: configuration.batchSize, shuffles: data.shuffleBuffer > 0)
    guard configuration.validation.isEnabled else {
      validation = []
      return
    }
    let heldOut = try TokenStream.batches(
      of: data.validation.map { try $0.tokens(tokenizer) }, sequenceLength: configuration.maxSequenceLength,
      batchSize: configuration.validation.batchSize, limit: configuration.validation.batchLimit)
    validation = configuration.packing.masksDocuments ? heldOut : heldOut.map(\.joined)
  }

  /// The tokens of all sources, once each.
  var tokensPerEpoch: Int { stream.tokensPerEpoch }

  /// Where the batches go on.
  var position: DataPosition { stream.position }

  func restore(_ position: DataPosition) throws { try stream.restore(position) }

  /// The micro-batches of the next step.
  func next(_ count: Int, mixture: String?) throws -> [TokenBatch] {
    try stream.setShares(data.shares(mixture: mixture))
    return try (0..<count).map { _ in
      let batch = try stream.next()
      return masksDocuments ? batch : batch.joined
    }
  }
}

extension TokenBatch {
  /// The same tokens, each seeing all before it in its sequence.
  fileprivate var joined: TokenBatch {
    TokenBatch(sequences: sequences, documents: sequences.map { [0..<$0.count] })
  }
}

extension TrainingConfiguration.Source {
  /// The documents as tokens.
  fileprivate func tokens(_ tokenizer: Tokenizer) throws -> TokenSource {
    switch format {
    case .shard: try TokenSource(name: name, shards: paths.map { try TokenShard(path: $0) }, tokenizer: tokenizer)
    case .jsonl: try texts(.jsonLines(key: textKey), tokenizer)
    case .text: try texts(documentSeparator.map { .separatorLine($0) } ?? .whole, tokenizer)
    }
  }

  private func texts(_ form: TextDocuments.Form, _ tokenizer: Tokenizer) throws -> TokenSource {
    try TokenSource(
      name: name, texts: paths.map { try TextDocuments(path: $0, form: form) }, tokenizer: tokenizer)
  }
}
