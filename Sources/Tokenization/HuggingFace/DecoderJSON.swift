import ModelFormats

/// The `decoder` of a `tokenizer.json`.
struct DecoderJSON {
  /// Turns `▁` into a space.
  private(set) var replacesSpaceSymbol = false
  /// Takes one space off the beginning of the text.
  private(set) var stripsLeadingSpace = false

  init(_ node: JSONNode?, file: String) throws {
    if let node { try add(node, file) }
  }

  private mutating func add(_ node: JSONNode, _ file: String) throws {
    switch try node.string("type") {
    case "Sequence":
      for child in try node.array("decoders") ?? [] { try add(child, file) }
    // Byte tokens are turned into bytes, and pieces are joined, in any case.
    case "ByteLevel", "ByteFallback", "Fuse": break
    case "Metaspace":
      try expect(node, file, "replacement", "\u{2581}")
      replacesSpaceSymbol = true
      stripsLeadingSpace = try PreTokenizerJSON.prefixScheme(node, file: file) != .never
    case "Replace":
      guard let pattern = node["pattern"] else { break }
      try expect(pattern, file, "String", "\u{2581}")
      try expect(node, file, "content", " ")
      replacesSpaceSymbol = true
    case "Strip":
      try expect(node, file, "content", " ")
      let start = try node.integer("start") ?? 0
      let stop = try node.integer("stop") ?? 0
      guard 0...1 ~= start, stop == 0 else {
        throw TokenizationError.unsupported(
          file: file, key: node.path, found: "start \(start), stop \(stop)", supported: ["start 0 or 1, stop 0"])
      }
      stripsLeadingSpace = stripsLeadingSpace || start == 1
    case let type:
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).type", found: "'\(type ?? "missing")'",
        supported: ["Sequence", "ByteLevel", "ByteFallback", "Fuse", "Metaspace", "Replace", "Strip"])
    }
  }

  private func expect(_ node: JSONNode, _ file: String, _ key: String, _ expected: String) throws {
    let found = try node.string(key) ?? "missing"
    guard Array(found.utf8) == Array(expected.utf8) else {
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).\(key)", found: "'\(found)'", supported: ["'\(expected)'"])
    }
  }
}
