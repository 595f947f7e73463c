/// A value of a configuration file, with where it was written.
struct ConfigurationNode: Sendable {
  /// Where a value comes from.
  enum Origin: Sendable {
    /// A line of the file, from 1 on.
    case line(Int)
    /// An argument, such as `max_steps=100`.
    case override(String)
  }

  /// A value that is read as the key wants it.
  enum Value: Sendable {
    case null
    case scalar(String)
    case list([ConfigurationNode])
    case section([Field])
  }

  /// A key and its value.
  struct Field: Sendable {
    let key: String
    let origin: Origin
    var node: ConfigurationNode
  }

  var value: Value
  let origin: Origin

  /// What it is, for messages.
  var summary: String {
    switch value {
    case .null: "null"
    case .scalar(let text): "'\(text)'"
    case .list: "a list"
    case .section: "a section of keys"
    }
  }
}
