#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConfigurationSection {
  /// A path: one in the file begins at the file's folder, one in an argument at the working directory. It is absolute then.
  var pathKind: Kind<String> {
    let directory = reader.directory
    return Kind(
      allowed: "a path",
      parse: { node in
        guard case .scalar(let text) = node.value, !text.isEmpty else { return nil }
        if case .override = node.origin { return Self.join("", text) }
        return Self.join(directory, text)
      }, text: ConfigurationNode.quoted)
  }

  /// A path that begins at a folder, without `.` and, where that is plain, without `..`.
  static func join(_ folder: String, _ path: String) -> String {
    if path.hasPrefix("/") { return path }
    let here = FileManager.default.currentDirectoryPath
    let absolute = folder.hasPrefix("/") ? folder : folder.isEmpty ? here : "\(here)/\(folder)"
    var parts = absolute.split(separator: "/")
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
