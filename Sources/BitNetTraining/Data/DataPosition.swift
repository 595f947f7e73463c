/// Where a `TokenStream` stands: with it, the same stream continues with the very next batch.
package struct DataPosition: Codable, Sendable, Equatable {
  /// Where one source stands.
  package struct Source: Codable, Sendable, Equatable {
    /// The source's name.
    package let name: String
    /// The documents to learn from and their tokens, by which changed data are noticed.
    package let documents: Int
    package let tokens: Int
    /// How often all documents were drawn.
    package var epoch = 0
    /// The documents drawn in this epoch.
    package var drawn = 0
    /// Tokens that the source is owed by its share, or has had too many of, if negative.
    package var credit = 0.0
  }

  /// The sources, in the stream's order.
  package var sources: [Source]
  /// The source of the document of which a part is left, if there is one.
  package var current: Int?
  /// The document's number in that source.
  package var document = 0
  /// The tokens of it that were taken.
  package var taken = 0
  /// The sequences of all ranks so far.
  package var sequences = 0
}
