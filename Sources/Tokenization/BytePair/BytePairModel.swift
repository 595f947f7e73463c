/// Turns pieces of text into token ids by byte-pair encoding; it covers byte-level vocabularies, vocabularies of
/// characters with byte fallback, and SentencePiece's score-driven kind.
package struct BytePairModel: Sendable {
  /// What a piece is before merging.
  package enum Alphabet: Sendable {
    /// One symbol per byte.
    case bytes
    /// One symbol per Unicode scalar.
    case scalars

    /// Where the symbol that begins at `start` ends.
    func symbolEnd(_ text: [UInt8], _ start: Int, _ limit: Int) -> Int {
      switch self {
      case .bytes: start + 1
      case .scalars: MergeTable.characterEnd(text, start, limit)
      }
    }
  }

  /// What becomes of text that no token stands for.
  package struct Fallback: Sendable {
    /// Ids of the tokens `<0x00>` … `<0xFF>`; empty where there are none, -1 for single ones that are missing.
    package var byteTokens: [Int] = []
    /// Stands for what byte tokens cannot express; nil drops it.
    package var unknown: Int?
    /// One unknown token for a run of unknown text instead of one per symbol.
    package var fusesUnknown = false
    /// Unknown text is taken out before merging, so that its neighbours may merge (Hugging Face), not after (llama.cpp).
    package var dropsBeforeMerging = false

    package init() {}
  }

  private let alphabet: Alphabet
  private let table: MergeTable
  private let fallback: Fallback
  /// A piece that is a token is not cut and merged: `ignore_merges`.
  private let takesWholePieces: Bool
  /// The symbol of each byte, for the byte alphabet and for ASCII.
  private let byteSymbols: [UInt32]

  package init(alphabet: Alphabet, table: MergeTable, fallback: Fallback, takesWholePieces: Bool) {
    self.alphabet = alphabet
    self.table = table
    self.fallback = fallback
    self.takesWholePieces = takesWholePieces
    byteSymbols = (0..<256).map { byte in
      table.symbols.find([UInt8(byte)], 0..<1).map { UInt32(truncatingIfNeeded: $0) } ?? MergeTable.noSymbol
    }
  }

  /// Scratch memory and counters of one call.
  package struct Scratch {
    var merger = BytePairMerger()
    var cache: PieceCache
    /// Heap moves of all merging so far.
    package var mergeSteps: Int { merger.steps }

    package init(textLength: Int) { cache = PieceCache(textLength: textLength) }
  }

  /// Appends the ids of `text[piece]` to `ids`. The text is valid UTF-8 and the piece is cut at scalar boundaries.
  package func encode(_ text: [UInt8], _ piece: Range<Int>, _ scratch: inout Scratch, to ids: inout [Int]) {
    guard !piece.isEmpty else { return }
    guard piece.count <= BytePairMerger.longestPiece else {
      var middle = piece.lowerBound + BytePairMerger.longestPiece / 2
      while text[middle] & 0xC0 == 0x80 { middle -= 1 }
      encode(text, piece.lowerBound..<middle, &scratch, to: &ids)
      encode(text, middle..<piece.upperBound, &scratch, to: &ids)
      return
    }
    let key = scratch.cache.key(text, piece)
    if let key, scratch.cache.append(key, to: &ids) { return }
    let first = ids.count
    encodeWithoutCache(text, piece, &scratch, to: &ids)
    if let key { scratch.cache.remember(key, ids[first...]) }
  }

  private func encodeWithoutCache(
    _ text: [UInt8], _ piece: Range<Int>, _ scratch: inout Scratch, to ids: inout [Int]
  ) {
    if takesWholePieces, let id = table.symbols.find(text, piece), id < table.vocabularySize {
      ids.append(id)
      return
    }
    scratch.merger.removeAll()
    var position = piece.lowerBound
    while position < piece.upperBound {
      let end = alphabet.symbolEnd(text, position, piece.upperBound)
      let symbol = symbol(text, position..<end)
      if !fallback.dropsBeforeMerging || isToken(symbol) || canExpress(text, position..<end) {
        scratch.merger.append(symbol, start: position)
      }
      position = end
    }
    scratch.merger.merge(table)
    var unknownEnd = -1
    scratch.merger.forEach(end: piece.upperBound) { symbol, range in
      if isToken(symbol) { ids.append(Int(symbol)) } else { expand(text, range, &unknownEnd, to: &ids) }
    }
  }

  private func symbol(_ text: [UInt8], _ range: Range<Int>) -> UInt32 {
    guard range.count > 1 else { return byteSymbols[Int(text[range.lowerBound])] }
    return table.symbols.find(text, range).map { UInt32(truncatingIfNeeded: $0) } ?? MergeTable.noSymbol
  }

  private func isToken(_ symbol: UInt32) -> Bool { Int(symbol) < table.vocabularySize }

  private func canExpress(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    fallback.unknown != nil || expressesAsBytes(text, range)
  }

  private func expressesAsBytes(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    !fallback.byteTokens.isEmpty && text[range].allSatisfy { fallback.byteTokens[Int($0)] >= 0 }
  }

  /// Emits text that is no token: character by character, then as byte tokens, then as unknown.
  private func expand(_ text: [UInt8], _ range: Range<Int>, _ unknownEnd: inout Int, to ids: inout [Int]) {
    var position = range.lowerBound
    while position < range.upperBound {
      let character = position..<alphabet.symbolEnd(text, position, range.upperBound)
      position = character.upperBound
      let symbol = symbol(text, character)
      if isToken(symbol) {
        ids.append(Int(symbol))
      } else if expressesAsBytes(text, character) {
        for byte in text[character] { ids.append(fallback.byteTokens[Int(byte)]) }
      } else if let unknown = fallback.unknown {
        if !fallback.fusesUnknown || unknownEnd != character.lowerBound { ids.append(unknown) }
        unknownEnd = character.upperBound
      }
    }
  }
}
