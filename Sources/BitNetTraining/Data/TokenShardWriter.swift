import Kernels
import ModelFormats
package import Tokenization

/// Writes a `TokenShard` document by document; it appears under its name when it is whole.
package struct TokenShardWriter {
  private let file: NewFile
  private let tokenizer: Tokenizer
  private let separator: Int
  private let width: Int
  private var pending: [UInt8] = []
  private var offset = TokenShard.headerSize
  private var ends: [UInt64] = []
  /// The tokens so far.
  package private(set) var tokenCount = 0

  /// Begins a file.
  ///
  /// - Throws: `FormatError` if it cannot be written, `TokenizationError` if the vocabulary has no token that ends texts.
  package init(path: String, tokenizer: Tokenizer) throws {
    self.tokenizer = tokenizer
    separator = try tokenizer.documentSeparator
    width = tokenizer.vocabularySize <= 1 << 16 ? 2 : 4
    file = try NewFile(path: path)
  }

  /// The documents so far.
  package var documentCount: Int { ends.count }

  /// Adds a document and the separator after it.
  ///
  /// - Throws: `FormatError` if the disk is full.
  package mutating func add(_ document: String) throws {
    for token in tokenizer.encode(document, addSpecialTokens: false) + [separator] {
      for byte in 0..<width { pending.append(UInt8(truncatingIfNeeded: token >> (8 * byte))) }
      tokenCount += 1
    }
    ends.append(UInt64(tokenCount))
    if pending.count >= 1 << 20 { try flush() }
  }

  /// Writes header and index, and gives the file its name.
  ///
  /// - Throws: `FormatError` if there was no document or the file cannot be finished.
  package mutating func finish() throws {
    guard !ends.isEmpty else {
      throw FormatError(.missing, file: file.path, "would hold no document", remedy: "Give files with text.")
    }
    pending += [UInt8](repeating: 0, count: (8 - tokenCount * width % 8) % 8)
    for end in ends { Self.append(end, to: &pending) }
    try flush()
    var header: [UInt8] = []
    Self.append(TokenShard.magic, to: &header)
    Self.append(TokenShard.version, to: &header)
    Self.append(UInt32(width), to: &header)
    Self.append(UInt32(tokenizer.vocabularySize), to: &header)
    Self.append(UInt32(separator), to: &header)
    Self.append(UInt64(tokenCount), to: &header)
    Self.append(UInt64(ends.count), to: &header)
    Self.append(tokenizer.vocabularyFingerprint, to: &header)
    try file.write(SharedBytes(copying: header), at: 0)
    try file.finish(count: offset)
  }

  private mutating func flush() throws {
    try file.write(SharedBytes(copying: pending), at: offset)
    offset += pending.count
    pending.removeAll(keepingCapacity: true)
  }

  private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    for byte in 0..<value.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
  }
}

extension Tokenizer {
  /// The token after every document: EOS, or BOS where the vocabulary has no other.
  ///
  /// - Throws: `TokenizationError` if it has neither.
  package var documentSeparator: Int {
    get throws(TokenizationError) {
      guard let id = endOfSequence ?? beginningOfSequence else {
        throw .missing(
          file: source, key: "an end-of-text token", remedy: "name one as eos_token in tokenizer_config.json")
      }
      return id
    }
  }
}
