import Foundation

/// Rewrites text before it is cut into pieces.
package struct Normalizer: Sendable {
  /// One step.
  package enum Step: Sendable {
    /// Canonical composition (NFC).
    case composed
    /// Puts a text in front, unless there is nothing to put it in front of.
    case prepend([UInt8])
    /// Replaces every occurrence of a text.
    case replace([UInt8], with: [UInt8])
  }

  package var steps: [Step]

  package init(_ steps: [Step] = []) { self.steps = steps }

  /// - Returns: the normalized form of `text[range]`, which is valid UTF-8.
  package func normalize(_ text: [UInt8], _ range: Range<Int>) -> [UInt8] {
    var result = Array(text[range])
    for step in steps where !result.isEmpty {
      switch step {
      case .composed:
        // Scalars below U+0300 compose with nothing before them, and none of them decomposes in NFC; their lead bytes
        // are below 0xCC.
        guard result.contains(where: { $0 >= 0xCC }) else { continue }
        result = Array(String(decoding: result, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
      case .prepend(let prefix):
        result.insert(contentsOf: prefix, at: 0)
      case .replace(let old, let new):
        var replaced: [UInt8] = []
        replaced.reserveCapacity(result.count)
        PreTokenizer.replace(result, 0..<result.count, old, with: new, to: &replaced)
        result = replaced
      }
    }
    return result
  }
}
