extension ConfigurationNode {
  /// Sets what an argument names: `optimizer.lr=1e-3`, `curriculum.phases.0.end_ratio=0.2`, `training.max_steps=100`.
  ///
  /// - Throws: `ParseFailure` that says why it cannot be set.
  mutating func apply(override text: String) throws(ParseFailure) {
    guard let equals = text.firstIndex(of: "=") else { throw ParseFailure(text: "expected KEY=VALUE") }
    var path = text[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if path.count > 1, path[0] == "training" { path.removeFirst() }
    guard path.allSatisfy({ !$0.isEmpty }) else { throw ParseFailure(text: "expected KEY=VALUE") }
    let origin = Origin.override(text)
    let node = try ConfigurationNode.parse(yaml: String(text[text.index(after: equals)...])) { _ in origin }
    try set(path[...], path: "", to: node)
  }

  private mutating func set(
    _ rest: ArraySlice<String>, path: String, to node: ConfigurationNode
  ) throws(ParseFailure) {
    guard let key = rest.first else {
      self = node
      return
    }
    let inner = path.isEmpty ? key : "\(path).\(key)"
    switch value {
    case .section(var fields):
      if let index = fields.firstIndex(where: { $0.key == key }) {
        try fields[index].node.set(rest.dropFirst(), path: inner, to: node)
      } else {
        fields.append(Field(key: key, origin: node.origin, node: ConfigurationNode(value: .null, origin: node.origin)))
        try fields[fields.count - 1].node.set(rest.dropFirst(), path: inner, to: node)
      }
      value = .section(fields)
    case .list(var items):
      guard let index = Int(key), index >= 0, index <= items.count else {
        throw ParseFailure(
          text: "\(path) is a list of \(items.count): '\(key)' is none of its numbers, which begin at 0")
      }
      if index == items.count { items.append(ConfigurationNode(value: .null, origin: node.origin)) }
      try items[index].set(rest.dropFirst(), path: inner, to: node)
      value = .list(items)
    case .null:
      let isList = Int(key) != nil
      self = ConfigurationNode(value: isList ? .list([]) : .section([]), origin: node.origin)
      try set(rest, path: path, to: node)
    case .scalar:
      throw ParseFailure(text: "\(path) is \(summary), which has no key '\(key)'")
    }
  }
}
