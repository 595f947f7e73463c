#if Training
import Yams

extension ConfigurationNode {
  /// A file can name a part of itself many times, and so become endless.
  private static let largestCount = 100_000

  /// Reads YAML.
  ///
  /// - Throws: `ParseFailure` that says what is wrong with it.
  static func parse(yaml: String, origin: (Int) -> Origin) throws(ParseFailure) -> ConfigurationNode {
    let root: Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch {
      throw ParseFailure(text: "is not YAML: \(error)")
    }
    guard let root else { return ConfigurationNode(value: .null, origin: origin(1)) }
    var left = largestCount
    return try convert(root, line: 1, left: &left, origin: origin)
  }

  private static func convert(
    _ node: Node, line: Int, left: inout Int, origin: (Int) -> Origin
  ) throws(ParseFailure) -> ConfigurationNode {
    left -= 1
    guard left > 0 else { throw ParseFailure(text: "has more than \(largestCount) values") }
    let line = node.mark?.line ?? line
    let value: Value
    switch node {
    case .scalar(let scalar):
      let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
      value = isNull ? .null : .scalar(scalar.string)
    case .sequence(let sequence):
      var items: [ConfigurationNode] = []
      for item in sequence { items.append(try convert(item, line: line, left: &left, origin: origin)) }
      value = .list(items)
    case .mapping(let mapping):
      var fields: [Field] = []
      for (key, item) in mapping {
        guard let name = key.scalar?.string else { throw ParseFailure(text: "line \(line): a key is no plain word") }
        let keyLine = key.mark?.line ?? line
        let converted = try convert(item, line: keyLine, left: &left, origin: origin)
        fields.append(Field(key: name, origin: origin(keyLine), node: converted))
      }
      value = .section(fields)
    case .alias: throw ParseFailure(text: "line \(line): an alias of something unknown")
    }
    return ConfigurationNode(value: value, origin: origin(line))
  }
}
#else
extension ConfigurationNode {
  static func parse(yaml: String, origin: (Int) -> Origin) throws(ParseFailure) -> ConfigurationNode {
    throw ParseFailure(text: "cannot be read: built without the trait Training")
  }
}
#endif

/// Why a text is no configuration.
struct ParseFailure: Error {
  let text: String
}
