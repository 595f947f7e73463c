import ModelFormats

/// A section of a configuration, asked for one key after another.
///
/// Nothing throws: what is wrong is noted with the reader, and the default stands in for it.
final class ConfigurationSection {
  let reader: ConfigurationReader
  let path: String
  let fields: [ConfigurationNode.Field]
  /// Whether it is an element of a list.
  let isElement: Bool
  let origin: ConfigurationNode.Origin?
  /// The keys that were asked for.
  private(set) var known: [String] = []

  init(_ node: ConfigurationNode?, path: String, isElement: Bool = false, reader: ConfigurationReader) {
    self.reader = reader
    self.path = path
    self.isElement = isElement
    origin = node?.origin
    switch node?.value {
    case .section(let fields): self.fields = fields
    case nil, .null: fields = []
    default:
      fields = []
      reader.report(path, "is \(node?.summary ?? ""), expected a section of keys", at: node?.origin)
    }
    reader.add(self)
  }

  func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// Whether something other than null is written for a key.
  func has(_ key: String) -> Bool { node(key) != nil }

  /// Notes that a key's value does not go with others.
  func report(_ key: String, _ text: String) {
    reader.report(path(of: key), text, at: fields.first { $0.key == key }?.origin ?? origin)
  }

  /// The value of a key, unless it is null.
  func node(_ key: String) -> ConfigurationNode? {
    guard let node = fields.first(where: { $0.key == key })?.node else { return nil }
    if case .null = node.value { return nil }
    return node
  }

  /// How values of a type are read and written.
  struct Kind<Value> {
    /// What is allowed, after "expected".
    let allowed: String
    /// The value, or `nil` for something else.
    let parse: (ConfigurationNode) -> Value?
    /// The value as YAML.
    let text: (Value) -> String
    /// The words that are allowed, if they can be counted.
    var words: [String] = []
  }

  /// A value with a default.
  func value<Value>(_ key: String, _ kind: Kind<Value>, default fallback: Value, _ help: String) -> Value {
    read(key, kind, fallback: kind.text(fallback), help) ?? fallback
  }

  /// A value that may be absent.
  ///
  /// - Parameter absence: what holds where it is, for the documentation.
  func value<Value>(_ key: String, _ kind: Kind<Value>, absence: String, _ help: String) -> Value? {
    read(key, kind, fallback: absence, isOptional: true, help)
  }

  private func read<Value>(
    _ key: String, _ kind: Kind<Value>, fallback: String, isOptional: Bool = false, _ help: String
  ) -> Value? {
    known.append(key)
    let node = node(key)
    let value = node.flatMap(kind.parse)
    if let node, value == nil {
      var text = "is \(node.summary), expected \(kind.allowed)"
      if case .scalar(let found) = node.value, let near = Suggestion.nearest(to: found, of: kind.words) {
        text += "; did you mean '\(near)'?"
      }
      reader.report(path(of: key), text, at: node.origin)
    }
    reader.add(
      ConfigurationKey(
        path: path(of: key), allowed: kind.allowed, fallback: fallback, help: help,
        value: value.map(kind.text) ?? (isOptional ? "null" : fallback), isWritten: node != nil))
    return value
  }

  /// A section inside this one.
  func section(_ key: String) -> ConfigurationSection {
    known.append(key)
    return ConfigurationSection(node(key), path: path(of: key), reader: reader)
  }

  /// A list of sections; one, empty, where only the keys are wanted.
  func sections(_ key: String) -> [ConfigurationSection] {
    known.append(key)
    if reader.isReference {
      return [ConfigurationSection(nil, path: path(of: key) + ".N", isElement: true, reader: reader)]
    }
    guard let node = node(key) else { return [] }
    guard case .list(let items) = node.value else {
      reader.report(path(of: key), "is \(node.summary), expected a list of sections", at: node.origin)
      return []
    }
    return items.enumerated().map { index, item in
      ConfigurationSection(item, path: "\(path(of: key)).\(index)", isElement: true, reader: reader)
    }
  }

  /// The keys of a section that names things of the user's own, in order; one stands for them where only the keys are
  /// wanted.
  func ownNames(example: String) -> [String] {
    if reader.isReference { return [example] }
    // An argument's key could not name it.
    for field in fields where field.key.contains(".") {
      reader.report(path(of: field.key), "is a name with a dot, expected one without", at: field.origin)
    }
    return fields.map(\.key)
  }
}
