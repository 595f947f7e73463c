import ModelFormats

/// The `pre_tokenizer` of a `tokenizer.json`.
struct PreTokenizerJSON {
  private(set) var preTokenizer = PreTokenizer()
  /// Whether pieces are encoded byte by byte.
  private(set) var isByteLevel = false
  private var types: [String] = []
  private let file: String

  /// The steps' types, for summaries.
  var name: String { types.isEmpty ? "none" : types.joined(separator: " + ") }

  init(_ node: JSONNode?, file: String) throws {
    self.file = file
    if let node { try add(node) }
  }

  private mutating func add(_ node: JSONNode) throws {
    let type = try node.string("type") ?? "missing"
    if type == "Sequence" {
      for child in try node.array("pretokenizers") ?? [] { try add(child) }
      return
    }
    guard !isByteLevel else {
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).type", found: "'\(type)' after ByteLevel", supported: ["ByteLevel as last step"])
    }
    types.append(type)
    switch type {
    case "ByteLevel":
      isByteLevel = true
      if try node.bool("add_prefix_space") ?? true { preTokenizer.steps.append(.prefix([0x20], .always)) }
      if try node.bool("use_regex") ?? true {
        try split(NamedPreTokenizer.byteLevelExpression, .isolated, node)
      }
    case "Digits":
      let individually = try node.bool("individual_digits") ?? false
      try split(#"\p{N}"#, individually ? .isolated : .contiguous, node)
    case "Punctuation":
      // ASCII punctuation and the general categories P*.
      try split(#"[\p{P}$+<=>^`|~]"#, try behavior(node) ?? .isolated, node)
    case "Split":
      try addSplit(node)
    case "Metaspace":
      try addMetaspace(node)
    default:
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).type", found: "'\(type)'",
        supported: ["Sequence", "ByteLevel", "Digits", "Split", "Punctuation", "Metaspace"])
    }
  }

  private mutating func addSplit(_ node: JSONNode) throws {
    guard let behavior = try behavior(node) else {
      throw TokenizationError.missing(file: file, key: "\(node.path).behavior", remedy: "download the file again")
    }
    let inverted = try node.bool("invert") ?? false
    if let expression = try node["pattern"]?.string("Regex") {
      try split(expression, behavior, node, inverted: inverted)
    } else if let text = try node["pattern"]?.string("String") {
      try split(text, behavior, node, isLiteral: true, inverted: inverted)
    } else {
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).pattern", found: node["pattern"]?.value.kind ?? "missing",
        supported: ["{\"Regex\": …}", "{\"String\": …}"])
    }
  }

  private mutating func addMetaspace(_ node: JSONNode) throws {
    let symbol = Array((try node.string("replacement") ?? "\u{2581}").utf8)
    preTokenizer.steps.append(.replace([0x20], with: symbol))
    preTokenizer.steps.append(.prefix(symbol, try Self.prefixScheme(node, file: file)))
    if try node.bool("split") ?? true { preTokenizer.steps.append(.cutBefore(symbol)) }
  }

  /// `prepend_scheme`, or the truth value that older files have in its place.
  static func prefixScheme(_ node: JSONNode, file: String) throws -> PreTokenizer.PrefixScheme {
    guard let name = try node.string("prepend_scheme") else {
      return try node.bool("add_prefix_space") ?? true ? .always : .never
    }
    guard let scheme = PreTokenizer.PrefixScheme(rawValue: name) else {
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).prepend_scheme", found: "'\(name)'",
        supported: PreTokenizer.PrefixScheme.allCases.map(\.rawValue))
    }
    return scheme
  }

  private func behavior(_ node: JSONNode) throws -> SplitBehavior? {
    guard let name = try node.string("behavior") else { return nil }
    guard let behavior = SplitBehavior(rawValue: name) else {
      throw TokenizationError.unsupported(
        file: file, key: "\(node.path).behavior", found: "'\(name)'",
        supported: SplitBehavior.allCases.map(\.rawValue))
    }
    return behavior
  }

  private mutating func split(
    _ expression: String, _ behavior: SplitBehavior, _ node: JSONNode, isLiteral: Bool = false, inverted: Bool = false
  ) throws {
    do throws(SplitPattern.CompileError) {
      let pattern = try SplitPattern(expression, isLiteral: isLiteral)
      preTokenizer.steps.append(.split(pattern, behavior, inverted: inverted))
    } catch {
      throw TokenizationError.invalid(
        file: file, key: "\(node.path).pattern", found: "'\(expression)' (\(error.reason))",
        expected: "a regular expression that PCRE2 understands")
    }
  }
}
