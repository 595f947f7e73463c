import Kernels
package import ModelFormats
package import Tokenization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A file of tokens, read where it lies.
///
/// Little-endian. A header of 64 bytes, the tokens, zeros up to a multiple of 8 bytes, and for each document the number
/// of tokens up to its end, as UInt64. Every document ends with the separator.
///
///     0  "BITNTOKS"                 24  tokens, UInt64
///     8  version, UInt32: 1         32  documents, UInt64
///    12  bytes a token, UInt32      40  fingerprint of the vocabulary, UInt64
///    16  vocabulary size, UInt32    48  zero
///    20  separator, UInt32          64  tokens, as UInt16 or UInt32
package struct TokenShard: Sendable {
  static let magic: UInt64 = 0x534b_4f54_4e54_4942
  static let version: UInt32 = 1
  static let headerSize = 64

  package let path: String
  package let tokenCount: Int
  package let vocabularySize: Int
  /// The token that ends every document.
  package let separator: Int
  package let fingerprint: UInt64
  /// Where each document begins, and where the last one ends.
  let documentStarts: [Int]
  private let tokens: SharedBytes
  private let isWide: Bool

  /// Opens a shard and checks it against itself.
  ///
  /// - Throws: `FormatError` if the file is no shard, of another version, cut off or damaged.
  package init(path: String) throws(FormatError) {
    let bytes = try MappedFile(path: path).bytes
    var reader = ByteReader(bytes, file: path)
    guard bytes.count >= Self.headerSize, try reader.integer(UInt64.self, "the magic") == Self.magic else {
      throw FormatError(
        .otherFormat, file: path, "is no file of tokens",
        remedy: "Make one with `bitnet tokenizer encode`, or name the file as text.")
    }
    let version = try reader.integer(UInt32.self, "the version")
    guard version == Self.version else {
      throw FormatError(
        .unsupportedVersion, file: path, "has another version", found: "\(version)", expected: "\(Self.version)")
    }
    let width = Int(try reader.integer(UInt32.self, "the bytes a token"))
    vocabularySize = Int(try reader.integer(UInt32.self, "the vocabulary size"))
    separator = Int(try reader.integer(UInt32.self, "the separator"))
    let tokenCount = try reader.integer(UInt64.self, "the number of tokens")
    let documentCount = try reader.integer(UInt64.self, "the number of documents")
    fingerprint = try reader.integer(UInt64.self, "the fingerprint")
    guard width == 2 || width == 4, separator < vocabularySize, tokenCount > 0, documentCount > 0 else {
      throw Self.damaged(
        path, "\(width) bytes a token, separator \(separator) of \(vocabularySize), \(tokenCount) tokens")
    }
    let room = UInt64(bytes.count - Self.headerSize)
    guard tokenCount <= room / UInt64(width), documentCount <= room / 8 else {
      throw Self.damaged(path, "\(tokenCount) tokens and \(documentCount) documents in \(bytes.count) bytes")
    }
    let tokenBytes = Int(tokenCount) * width
    let indexStart = Self.headerSize + (tokenBytes + 7) / 8 * 8
    guard bytes.count == indexStart + Int(documentCount) * 8 else {
      throw Self.damaged(
        path, "\(bytes.count) bytes, which \(tokenCount) tokens and \(documentCount) documents do not fill")
    }
    var starts = [0]
    starts.reserveCapacity(Int(documentCount) + 1)
    for document in 0..<Int(documentCount) {
      let end: UInt64 = bytes.integer(at: indexStart + 8 * document)
      guard end > UInt64(starts[document]), end <= tokenCount else {
        throw Self.damaged(path, "document \(document) from token \(starts[document]) to \(end)")
      }
      starts.append(Int(end))
    }
    guard starts.last == Int(tokenCount) else { throw Self.damaged(path, "tokens after the last document") }
    self.path = path
    self.tokenCount = Int(tokenCount)
    documentStarts = starts
    isWide = width == 4
    tokens = bytes[Self.headerSize..<Self.headerSize + tokenBytes]
  }

  /// Refuses a shard that another vocabulary made.
  ///
  /// - Throws: `FormatError` with both vocabularies.
  package func check(_ tokenizer: Tokenizer) throws(FormatError) {
    guard fingerprint == tokenizer.vocabularyFingerprint, vocabularySize == tokenizer.vocabularySize,
      separator == (try? tokenizer.documentSeparator)
    else {
      throw FormatError(
        .malformed, file: path, "was made with another vocabulary",
        found: "\(vocabularySize) tokens, separator \(separator), fingerprint \(String(fingerprint, radix: 16))",
        expected: "\(tokenizer.vocabularySize) tokens, separator \(tokenizer.endOfSequence ?? -1), "
          + "fingerprint \(String(tokenizer.vocabularyFingerprint, radix: 16)), of \(tokenizer.source)",
        remedy: "Make it again: bitnet tokenizer encode FILES --tokenizer \(tokenizer.source) -o \(path)")
    }
  }

  /// Appends the tokens of a stretch of the file.
  ///
  /// - Throws: `FormatError` for a token outside the vocabulary.
  func append(_ range: Range<Int>, to output: inout [Int]) throws(FormatError) {
    for index in range {
      let token = isWide ? Int(tokens.integer(at: 4 * index) as UInt32) : Int(tokens.integer(at: 2 * index) as UInt16)
      guard token < vocabularySize else {
        throw Self.damaged(path, "token \(token) at position \(index) of a vocabulary of \(vocabularySize)")
      }
      output.append(token)
    }
  }

  private static func damaged(_ path: String, _ found: String) -> FormatError {
    FormatError(
      .malformed, file: path, "contradicts itself", found: found, remedy: "The file is damaged: make it again.")
  }
}

extension Tokenizer {
  /// The first eight bytes of the SHA-256 of all tokens, each as its type, length and bytes.
  package var vocabularyFingerprint: UInt64 {
    var hash = SHA256()
    var bytes: [UInt8] = []
    for id in 0..<vocabularySize {
      let content = Array(text(of: id).utf8) + self.bytes(of: id)
      bytes += [UInt8(truncatingIfNeeded: type(of: id)?.rawValue ?? 0)]
      bytes += [UInt8(truncatingIfNeeded: content.count), UInt8(truncatingIfNeeded: content.count >> 8)] + content
    }
    hash.update(SharedBytes(copying: bytes))
    return UInt64(hash.hexadecimal().prefix(16), radix: 16) ?? 0
  }
}
