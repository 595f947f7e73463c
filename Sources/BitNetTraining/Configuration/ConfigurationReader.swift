import ModelFormats

/// What the sections of a configuration have in common: the file, the keys that were asked for, and what went wrong.
final class ConfigurationReader {
  let file: String
  /// The folder of the file, which its paths begin at.
  let directory: String
  /// Whether only the keys are wanted, those of lists once.
  let isReference: Bool
  private(set) var keys: [ConfigurationKey] = []
  private(set) var problems: [TrainingConfigurationError.Problem] = []
  private var sections: [ConfigurationSection] = []

  init(file: String, directory: String, isReference: Bool = false) {
    self.file = file
    self.directory = directory
    self.isReference = isReference
  }

  func add(_ key: ConfigurationKey) { keys.append(key) }

  func add(_ section: ConfigurationSection) { sections.append(section) }

  /// Notes that something is wrong; reading goes on, so that everything wrong is told at once.
  func report(_ key: String, _ text: String, at origin: ConfigurationNode.Origin? = nil) {
    let place =
      switch origin ?? self.origin(of: key) {
      case .line(let line): "\(file):\(line)"
      case .override(let override): override
      case nil: file
      }
    problems.append(.init(place: place, key: key, text: text))
  }

  /// Where a key is written, or what holds it.
  private func origin(of key: String) -> ConfigurationNode.Origin? {
    var path = Substring(key)
    while !path.isEmpty {
      for section in sections {
        if let field = section.fields.first(where: { section.path(of: $0.key) == path }) { return field.origin }
      }
      path = path.lastIndex(of: ".").map { path[..<$0] } ?? ""
    }
    return nil
  }

  /// Refuses keys that nobody asked for.
  ///
  /// - Parameter elsewhere: why well-known keys of other trainers are not offered, by path.
  func checkUnknownKeys(elsewhere: [String: String]) {
    // A key in the wrong section is looked for in the others, written as a path.
    let paths = sections.filter { !$0.isElement }.flatMap { section in section.known.map { section.path(of: $0) } }
    for section in sections {
      for field in section.fields where !section.known.contains(field.key) {
        let path = section.path(of: field.key)
        if let reason = elsewhere[path] {
          report(path, "is not offered here: \(reason)", at: field.origin)
          continue
        }
        let near =
          Suggestion.nearest(to: field.key, of: section.known).map { section.path(of: $0) }
          ?? paths.first { $0.hasSuffix(".\(field.key)") || $0 == field.key }
        let advice = near.map { "; did you mean '\($0)'?" } ?? "."
        report(path, "is not a key\(advice) Known here: \(section.known.joined(separator: ", "))", at: field.origin)
      }
    }
  }
}
