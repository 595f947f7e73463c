#if Server
import ModelFormats
import Yams

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Puts a configuration together: flags win over the environment, the environment over a file, a file over defaults.
package struct ConfigurationLoader {
  package private(set) var configuration = ServerConfiguration()
  /// Where each setting that is no default came from.
  private var origins: [String: String] = [:]

  /// - Parameters:
  ///   - file: the path of a YAML file.
  ///   - flags: settings by name.
  /// - Throws: ``ConfigurationError`` that names where the wrong value is, and what an unknown name resembles.
  package init(
    file: String?, environment: [String: String], flags: [(name: String, value: String)]
  ) throws(ConfigurationError) {
    if let file = file ?? environment["BITNET_CONFIG"] { try read(file) }
    try read(environment)
    for (name, value) in flags {
      guard let setting = Setting.named(name) else { throw ConfigurationError("--\(name) is not a setting.") }
      try set(setting, value, place: "--\(name)", origin: "flag")
    }
  }

  private mutating func set(
    _ setting: Setting, _ value: String, place: String, origin: String
  ) throws(ConfigurationError) {
    do {
      try setting.set(&configuration, value)
    } catch {
      throw ConfigurationError("\(place) is \(error).")
    }
    origins[setting.name] = origin
  }

  private mutating func read(_ environment: [String: String]) throws(ConfigurationError) {
    for setting in Setting.all {
      guard let value = environment[setting.environmentName] else { continue }
      try set(setting, value, place: setting.environmentName, origin: "environment")
    }
    // Others use the prefix, too: BITNET_ISA is ours, BITNET_SERVICE_HOST comes from Kubernetes. What resembles a
    // setting is a slip.
    let known = ["BITNET_CONFIG", "BITNET_ISA", "BITNET_CACHE"] + Setting.all.map(\.environmentName)
    for name in environment.keys.sorted() where name.hasPrefix("BITNET_") && !known.contains(name) {
      guard let near = Suggestion.nearest(to: name, of: known) else { continue }
      throw ConfigurationError("\(name) in the environment is not a setting; did you mean \(near)?")
    }
  }

  private mutating func read(_ file: String) throws(ConfigurationError) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ConfigurationError("\(file): the configuration cannot be read; is it there, and a file?")
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: String(decoding: data, as: UTF8.self))
    } catch {
      throw ConfigurationError("\(file): not YAML: \(error)")
    }
    guard let root, root.null == nil else { return }
    guard let mapping = root.mapping else {
      throw ConfigurationError("\(file): expected names and values, such as 'port: 8080'.")
    }
    for (key, node) in mapping {
      let name = key.scalar?.string ?? ""
      guard let setting = Setting.named(name) else {
        let near = Suggestion.nearest(to: name, of: Setting.all.map(\.name)).map { " Did you mean '\($0)'?" } ?? ""
        throw ConfigurationError("\(file): '\(name)' is not a setting.\(near)")
      }
      try set(setting, try text(node, "\(file): \(name)"), place: "\(file): \(name)", origin: file)
    }
  }

  /// A value as a flag would have it; a list becomes one with commas.
  private func text(_ node: Node, _ place: String) throws(ConfigurationError) -> String {
    if let scalar = node.scalar { return scalar.string }
    let items = node.sequence.map { $0.compactMap { $0.scalar?.string } }
    guard let items, items.count == node.sequence?.count else {
      throw ConfigurationError("\(place) has a nested value, expected one value or a list.")
    }
    return items.joined(separator: ",")
  }

  /// The configuration as a file that would give it, with where each value came from.
  package func printed() -> String {
    Setting.all.map { setting in
      let value = setting.get(configuration)
      let isPlain = !value.isEmpty && value.utf8.allSatisfy { Self.isPlain($0) }
      return "\(setting.name): \(isPlain ? value : JSONText.quoted(value))  # \(origins[setting.name] ?? "default")\n"
    }.joined()
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: byte == UInt8(ascii: "-")
    }
  }
}
#endif
