import Foundation

/// A `tokenizer.model`, which by its name alone may be a SentencePiece model or a tiktoken list.
enum ModelFile {
  case sentencePiece(SentencePieceModel)
  case tiktoken(TiktokenList)

  private static let largestFile = 256 << 20

  init(path: String) throws {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    let size = (attributes[.size] as? Int) ?? 0
    guard size <= Self.largestFile else {
      throw TokenizationError.invalid(
        file: path, key: "its size", found: "\(size) bytes", expected: "at most \(Self.largestFile)")
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw TokenizationError.unreadable(file: path, reason: "cannot be read; check its permissions")
    }
    try self.init(Array(data), file: path)
  }

  init(_ bytes: [UInt8], file: String) throws {
    if bytes.starts(with: "version https://git-lfs".utf8) {
      throw TokenizationError.unreadable(
        file: file, reason: "is a Git LFS pointer, not the file itself; run git lfs pull in its folder")
    }
    // A SentencePiece model begins with its first piece: field 1, length-delimited. A list begins with base64.
    if bytes.first == 0x0A {
      self = .sentencePiece(try SentencePieceModel(bytes, file: file))
    } else {
      self = .tiktoken(try TiktokenList(bytes, file: file))
    }
  }

  func tokenizer(addedTokens: [AddedToken]) throws -> Tokenizer {
    switch self {
    case .sentencePiece(let model): try model.tokenizer(addedTokens)
    case .tiktoken(let list): try list.tokenizer(addedTokens)
    }
  }

  /// Puts added tokens behind (or over) those of the file. Ids must leave no hole.
  static func extend(_ names: inout [[UInt8]], _ types: inout [TokenType], _ added: [AddedToken], file: String) throws {
    for token in added.sorted(by: { $0.id < $1.id }) {
      let type: TokenType = token.isSpecial ? .control : .userDefined
      if names.indices.contains(token.id) {
        guard names[token.id] != token.content else { continue }
        names[token.id] = token.content
        types[token.id] = type
      } else {
        guard token.id == names.count else {
          throw TokenizationError.invalid(
            file: file, key: "added token '\(String(decoding: token.content, as: UTF8.self))'", found: "id \(token.id)",
            expected: "the next free id, \(names.count)")
        }
        names.append(token.content)
        types.append(type)
      }
    }
  }
}
