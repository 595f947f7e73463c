#if canImport(Darwin)
import Foundation
#else
// Foundation on Linux composes the low 16 bits of scalars beyond U+FFFF: U+200F5 U+0301 becomes U+1E4D. The standard
// library's own NFC is right and is no public interface yet.
@_spi(_Unicode) import Swift
#endif

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
        result = Self.composed(String(decoding: result, as: UTF8.self))
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

  /// The canonical composition of a text, as UTF-8.
  private static func composed(_ text: String) -> [UInt8] {
    #if canImport(Darwin)
    return Array(text.precomposedStringWithCanonicalMapping.utf8)
    #else
    var result: [UInt8] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text._nfc { result.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
    return result
    #endif
  }
}
