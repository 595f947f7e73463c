/// A set of tokens of a vocabulary.
public struct TokenMask: Sendable, Hashable {
  /// The size of the vocabulary.
  public let vocabularySize: Int
  private(set) var words: [UInt64]

  /// No token.
  init(vocabularySize: Int) {
    self.vocabularySize = vocabularySize
    words = Array(repeating: 0, count: (vocabularySize + 63) / 64)
  }

  /// Whether a token is in the set; ids outside the vocabulary are not.
  public func contains(_ token: Int) -> Bool {
    token >= 0 && token < vocabularySize && words[token >> 6] >> UInt64(token & 63) & 1 == 1
  }

  /// How many tokens are in the set.
  public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The tokens, ascending.
  public var tokens: [Int] {
    words.indices.flatMap { index -> [Int] in
      var word = words[index]
      var tokens: [Int] = []
      while word != 0 {
        tokens.append(index * 64 + word.trailingZeroBitCount)
        word &= word - 1
      }
      return tokens
    }
  }

  @inline(__always)
  mutating func insert(_ token: Int) { words[token >> 6] |= 1 << UInt64(token & 63) }

  mutating func formUnion(_ other: TokenMask) {
    for index in words.indices { words[index] |= other.words[index] }
  }
}
