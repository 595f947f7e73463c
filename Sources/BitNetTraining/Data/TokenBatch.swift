/// Sequences of tokens for one micro-batch, packed from documents.
package struct TokenBatch: Sendable, Equatable {
  /// The tokens of each sequence, all of the same length.
  package let sequences: [[Int]]
  /// Where the documents of each sequence lie in it: they cover it without a gap.
  package let documents: [[Range<Int>]]

  package init(sequences: [[Int]], documents: [[Range<Int>]]) {
    self.sequences = sequences
    self.documents = documents
  }

  /// The source tokens.
  package var tokenCount: Int { sequences.reduce(0) { $0 + $1.count } }
}
