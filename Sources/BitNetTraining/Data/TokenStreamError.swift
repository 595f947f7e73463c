/// Why there is nothing to learn from.
package enum TokenStreamError: Error, Sendable, CustomStringConvertible {
  /// There is no source.
  case noSources
  /// A sequence or a batch would be empty.
  case shape(sequenceLength: Int, batchSize: Int)
  /// All documents of a source are held out, or it has none.
  case empty(source: String, documents: Int, heldOut: Double)
  /// Shares that make no mixture.
  case shares([Double], sources: [String])
  /// A position of a stream over other data.
  case changed(saved: DataPosition.Source, found: DataPosition.Source?)
  /// A position that contradicts itself.
  case position

  /// What is wrong and what can be done.
  package var description: String {
    switch self {
    case .noSources: "There is no source of text: name one under data.sources."
    case .shape(let length, let batch):
      "Sequences of \(length) tokens, \(batch) to a batch: at least 2 tokens and 1 sequence are needed."
    case .empty(let source, let documents, let heldOut):
      "Source \(source) has \(documents) documents, and none is left when a share of \(heldOut) is held out: hold out less, "
        + "or break its text into more documents."
    case .shares(let shares, let sources):
      "The mixture \(shares) needs one share for each of \(sources.joined(separator: ", ")), none negative, one positive."
    case .changed(let saved, let found):
      "The data are not those of the checkpoint: it had source \(saved.name) with \(saved.documents) documents, "
        + "\(saved.tokens) tokens; now there is "
        + (found.map { "\($0.name) with \($0.documents) documents, \($0.tokens) tokens" } ?? "no such source")
        + ". Restore the files, the vocabulary and the seed, or start anew."
    case .position: "The checkpoint's place in the data makes no sense: it is damaged. Start from another checkpoint."
    }
  }
}
