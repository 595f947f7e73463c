#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The keys that let clients in. Without any, everybody is.
package struct APIKeys: Sendable {
  private let keys: [[UInt8]]

  /// No keys: everybody is let in.
  package init() { keys = [] }

  /// Reads a file with one key to a line; empty lines and those that begin with `#` are skipped.
  ///
  /// - Throws: ``ConfigurationError`` for a file that cannot be read or has no key.
  package init(path: String) throws(ConfigurationError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError("\(path): the file with the API keys cannot be read.")
    }
    let lines = data.split(separator: UInt8(ascii: "\n")).map { line in
      Array(line.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
    keys = lines.filter { !$0.isEmpty && $0.first != UInt8(ascii: "#") }
    guard !keys.isEmpty else {
      throw ConfigurationError("\(path): the file holds no API key; write one to a line.")
    }
  }

  package var isEmpty: Bool { keys.isEmpty }

  /// Whether the value of the header `Authorization` holds one of the keys.
  ///
  /// Every key is compared whole, whatever came before: how long it takes tells nothing but lengths.
  package func admits(authorization: String?) -> Bool {
    guard !keys.isEmpty else { return true }
    let header = Array((authorization ?? "").utf8)
    let scheme = Array("bearer ".utf8)
    guard header.count > scheme.count, zip(header, scheme).allSatisfy({ $0 | 0x20 == $1 }) else { return false }
    let offered = Array(header[scheme.count...])
    var found = false
    for key in keys { found = Self.areEqual(key, offered) || found }
    return found
  }

  private static func areEqual(_ key: [UInt8], _ offered: [UInt8]) -> Bool {
    var difference: UInt8 = key.count == offered.count ? 0 : 1
    for (index, byte) in key.enumerated() {
      difference |= byte ^ (index < offered.count ? offered[index] : 0)
    }
    return difference == 0
  }
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
