/// A token that is cut out of the raw text as a whole.
package struct SpecialToken: Sendable, Hashable {
  package var id: Int
  package var content: [UInt8]
  /// Cut out even if special tokens are not asked for: a user-defined token.
  package var isAlwaysCut = false
  /// Swallows white space before it.
  package var stripsLeft = false
  /// Swallows white space after it.
  package var stripsRight = false
  /// Found only where no word character stands on either side.
  package var isSingleWord = false

  package init(id: Int, content: [UInt8]) {
    self.id = id
    self.content = content
  }
}

/// Finds special tokens: at each place the longest that begins there, from left to right.
///
/// A trie whose edges lie in one hash table; text without a token's first byte costs one table look-up per byte.
package struct SpecialTokenMatcher: Sendable {
  /// A part of the text.
  package enum Fragment: Sendable, Hashable {
    case text(Range<Int>)
    case token(Int)
  }

  private let tokens: [SpecialToken]
  /// Key: node << 8 | byte; value: child node. Node 0 is the root.
  private var edges = IntegerTable()
  /// Per node: 1 + number of the token that ends there, or 0.
  private var tokenAtNode: [Int] = [0]
  private var isFirstByte = [Bool](repeating: false, count: 256)

  /// A matcher for `tokens`; of tokens with equal content the first counts. Empty ones are never found, nor are those
  /// that are not valid UTF-8: they would cut the text inside a character.
  package init(_ tokens: [SpecialToken] = []) {
    self.tokens = tokens
    for (index, token) in tokens.enumerated()
    where !token.content.isEmpty && String(validating: token.content, as: UTF8.self) != nil {
      isFirstByte[Int(token.content[0])] = true
      var node = 0
      for byte in token.content {
        let key = UInt64(node) << 8 | UInt64(byte)
        if let child = edges[key] {
          node = Int(child)
        } else {
          tokenAtNode.append(0)
          edges.insert(key, UInt64(tokenAtNode.count - 1))
          node = tokenAtNode.count - 1
        }
      }
      if tokenAtNode[node] == 0 { tokenAtNode[node] = index + 1 }
    }
  }

  /// Whether nothing can ever be found.
  package var isEmpty: Bool { tokens.isEmpty }

  /// Cuts `text[range]` into tokens and the text between them.
  ///
  /// - Parameter parsingAll: finds every token, not only those that are always cut.
  package func fragments(_ text: [UInt8], _ range: Range<Int>, parsingAll: Bool) -> [Fragment] {
    var result: [Fragment] = []
    var textStart = range.lowerBound
    var position = range.lowerBound
    while position < range.upperBound {
      guard isFirstByte[Int(text[position])],
        let token = longestToken(text, position, range.upperBound, parsingAll: parsingAll)
      else {
        position += 1
        continue
      }
      var start = position
      var end = position + token.content.count
      position = end
      if token.isSingleWord,
        Self.isWord(Self.scalar(before: start, in: text, from: range.lowerBound))
          || Self.isWord(Self.scalar(at: end, in: text, to: range.upperBound))
      {
        continue
      }
      if token.stripsLeft {
        while let scalar = Self.scalar(before: start, in: text, from: textStart), scalar.properties.isWhitespace {
          start -= UTF8.width(scalar)
        }
      }
      if token.stripsRight {
        while let scalar = Self.scalar(at: end, in: text, to: range.upperBound), scalar.properties.isWhitespace {
          end += UTF8.width(scalar)
        }
      }
      if textStart < start { result.append(.text(textStart..<start)) }
      result.append(.token(token.id))
      textStart = end
      position = end
    }
    if textStart < range.upperBound { result.append(.text(textStart..<range.upperBound)) }
    return result
  }

  private func longestToken(
    _ text: [UInt8], _ start: Int, _ limit: Int, parsingAll: Bool
  ) -> SpecialToken? {
    var best: SpecialToken?
    var node = 0
    var position = start
    while position < limit, let child = edges[UInt64(node) << 8 | UInt64(text[position])] {
      node = Int(child)
      position += 1
      if tokenAtNode[node] > 0 {
        let token = tokens[tokenAtNode[node] - 1]
        if parsingAll || token.isAlwaysCut { best = token }
      }
    }
    return best
  }

  private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
    guard let scalar else { return false }
    switch scalar.properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: return true
    default: return scalar.properties.isAlphabetic || scalar.properties.isJoinControl
    }
  }

  private static func scalar(at position: Int, in text: [UInt8], to limit: Int) -> Unicode.Scalar? {
    guard position < limit else { return nil }
    let end = MergeTable.characterEnd(text, position, limit)
    return String(decoding: text[position..<end], as: UTF8.self).unicodeScalars.first
  }

  private static func scalar(before position: Int, in text: [UInt8], from start: Int) -> Unicode.Scalar? {
    guard position > start else { return nil }
    var first = position - 1
    while first > start, text[first] & 0xC0 == 0x80 { first -= 1 }
    return String(decoding: text[first..<position], as: UTF8.self).unicodeScalars.first
  }
}
