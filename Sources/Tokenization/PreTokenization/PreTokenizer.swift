/// Cuts text into the pieces that are encoded one by one: a list of steps, each applied to what the one before it left.
package struct PreTokenizer: Sendable {
  /// When a prefix is put in front of a piece.
  package enum PrefixScheme: String, Sendable, CaseIterable {
    /// In front of every piece.
    case always
    /// In front of a piece at the beginning of the whole text.
    case first
    /// Nowhere.
    case never
  }

  /// One step.
  package enum Step: Sendable {
    /// Cuts at the matches of a pattern.
    case split(SplitPattern, SplitBehavior, inverted: Bool)
    /// Puts a prefix in front of every piece that does not begin with it.
    case prefix([UInt8], PrefixScheme)
    /// Replaces every occurrence of a text.
    case replace([UInt8], with: [UInt8])
    /// Begins a new piece in front of every occurrence of a text (Metaspace).
    case cutBefore([UInt8])
    /// Begins a new piece in front of every run of a text.
    case cutBeforeRuns(of: [UInt8])
  }

  package var steps: [Step]

  package init(_ steps: [Step] = []) { self.steps = steps }

  /// A text and the pieces it is cut into.
  package struct Pieces: Sendable {
    package var text: [UInt8]
    package var ranges: [Range<Int>]
  }

  /// - Parameters:
  ///   - text: valid UTF-8.
  ///   - range: the part to cut, at scalar boundaries.
  ///   - isTextStart: whether the part stands at the beginning of what the user gave.
  package func split(_ text: [UInt8], _ range: Range<Int>, isTextStart: Bool) -> Pieces {
    var pieces = Pieces(text: text, ranges: range.isEmpty ? [] : [range])
    for step in steps {
      switch step {
      case .split(let pattern, let behavior, let inverted):
        pieces.ranges = pattern.split(pieces.text, pieces.ranges, behavior, inverted: inverted)
      case .prefix(let prefix, let scheme):
        guard scheme != .never else { continue }
        pieces = Self.rewrite(pieces) { bytes, piece, index, output in
          let applies = scheme == .always || (isTextStart && index == 0)
          if applies, !bytes[piece].starts(with: prefix) { output.append(contentsOf: prefix) }
          output.append(contentsOf: bytes[piece])
        }
      case .replace(let old, let new):
        pieces = Self.rewrite(pieces) { bytes, piece, _, output in
          Self.replace(bytes, piece, old, with: new, to: &output)
        }
      case .cutBefore(let text):
        pieces.ranges = Self.cut(pieces, before: text, onlyRuns: false)
      case .cutBeforeRuns(let text):
        pieces.ranges = Self.cut(pieces, before: text, onlyRuns: true)
      }
    }
    return pieces
  }

  private static func rewrite(
    _ pieces: Pieces, _ body: ([UInt8], Range<Int>, Int, inout [UInt8]) -> Void
  ) -> Pieces {
    var result = Pieces(text: [], ranges: [])
    result.text.reserveCapacity(pieces.ranges.reduce(0) { $0 + $1.count } + 16)
    result.ranges.reserveCapacity(pieces.ranges.count)
    for (index, piece) in pieces.ranges.enumerated() {
      let start = result.text.count
      body(pieces.text, piece, index, &result.text)
      if result.text.count > start { result.ranges.append(start..<result.text.count) }
    }
    return result
  }

  /// Appends `bytes[range]` to `output` with every `old` (not empty) replaced by `new`.
  static func replace(
    _ bytes: [UInt8], _ range: Range<Int>, _ old: [UInt8], with new: [UInt8], to output: inout [UInt8]
  ) {
    guard let first = old.first else { return output.append(contentsOf: bytes[range]) }
    var position = range.lowerBound
    while position < range.upperBound {
      if bytes[position] == first, matches(bytes, position, range.upperBound, old) {
        output.append(contentsOf: new)
        position += old.count
      } else {
        output.append(bytes[position])
        position += 1
      }
    }
  }

  private static func matches(_ bytes: [UInt8], _ position: Int, _ limit: Int, _ text: [UInt8]) -> Bool {
    guard limit - position >= text.count else { return false }
    for offset in 0..<text.count where bytes[position + offset] != text[offset] { return false }
    return true
  }

  private static func cut(_ pieces: Pieces, before text: [UInt8], onlyRuns: Bool) -> [Range<Int>] {
    guard let first = text.first else { return pieces.ranges }
    var result: [Range<Int>] = []
    result.reserveCapacity(pieces.ranges.count)
    for piece in pieces.ranges {
      var start = piece.lowerBound
      var position = piece.lowerBound
      var previousMatched = false
      while position < piece.upperBound {
        let isMatch = pieces.text[position] == first && matches(pieces.text, position, piece.upperBound, text)
        if isMatch, position > start, !(onlyRuns && previousMatched) {
          result.append(start..<position)
          start = position
        }
        previousMatched = isMatch
        position += isMatch ? text.count : 1
      }
      if start < piece.upperBound { result.append(start..<piece.upperBound) }
    }
    return result
  }
}
