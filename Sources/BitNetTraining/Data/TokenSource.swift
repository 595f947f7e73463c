import ModelFormats
package import Tokenization

/// Documents as tokens, each with the separator at its end: tokenized text in memory, or shards read where they lie.
package struct TokenSource: Sendable {
  private enum Part: Sendable {
    case memory([UInt32])
    case shard(TokenShard)
  }

  /// What mixtures and messages call it.
  package let name: String
  /// One part for all text, or one for each shard, and the number of its first document.
  private let parts: [(part: Part, firstDocument: Int)]
  /// Where in its part each document begins and ends.
  private let ranges: [Range<Int>]

  /// Tokenizes text.
  ///
  /// - Parameter progress: called with the tokens so far.
  /// - Throws: `FormatError` for files that cannot be read or hold no document, `TokenizationError` if the vocabulary has
  ///   no token that ends texts, and what `progress` throws.
  package init(
    name: String, texts: [TextDocuments], tokenizer: Tokenizer, progress: (Int) throws -> Void = { _ in }
  ) throws {
    let separator = UInt32(try tokenizer.documentSeparator)
    var tokens: [UInt32] = []
    var ranges: [Range<Int>] = []
    for documents in texts {
      let before = ranges.count
      try documents.forEach { text in
        let start = tokens.count
        for token in tokenizer.encode(text, addSpecialTokens: false) { tokens.append(UInt32(token)) }
        tokens.append(separator)
        ranges.append(start..<tokens.count)
        try progress(tokens.count)
      }
      guard ranges.count > before else {
        throw FormatError(
          .missing, file: documents.path, "holds no document", remedy: "Name a file with text, or leave it out.")
      }
    }
    self.name = name
    self.ranges = ranges
    parts = [(.memory(tokens), 0)]
  }

  /// Takes shards.
  ///
  /// - Throws: `FormatError` if another vocabulary made one of them.
  package init(name: String, shards: [TokenShard], tokenizer: Tokenizer) throws {
    var parts: [(part: Part, firstDocument: Int)] = []
    var ranges: [Range<Int>] = []
    for shard in shards {
      try shard.check(tokenizer)
      parts.append((.shard(shard), ranges.count))
      let starts = shard.documentStarts
      for document in 0..<starts.count - 1 { ranges.append(starts[document]..<starts[document + 1]) }
    }
    self.name = name
    self.parts = parts
    self.ranges = ranges
  }

  /// The documents.
  package var documentCount: Int { ranges.count }
  /// The tokens of all documents, separators included.
  package var tokenCount: Int { ranges.reduce(0) { $0 + $1.count } }

  /// The tokens of a document, its separator included.
  func length(of document: Int) -> Int { ranges[document].count }

  /// Appends a stretch of a document's tokens.
  ///
  /// - Throws: `FormatError` if a shard is damaged there.
  func append(_ document: Int, _ stretch: Range<Int>, to output: inout [Int]) throws {
    let start = ranges[document].lowerBound
    let range = start + stretch.lowerBound..<start + stretch.upperBound
    guard let index = parts.lastIndex(where: { $0.firstDocument <= document }) else { return }
    switch parts[index].part {
    case .memory(let tokens): for token in tokens[range] { output.append(Int(token)) }
    case .shard(let shard): try shard.append(range, to: &output)
    }
  }
}
