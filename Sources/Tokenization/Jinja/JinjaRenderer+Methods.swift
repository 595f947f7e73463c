/// The methods of strings, lists and mappings.
extension JinjaRenderer {
  private static let stringMethods: Set<String> = [
    "startswith", "endswith", "split", "rsplit", "splitlines", "strip", "lstrip", "rstrip", "upper", "lower", "title",
    "capitalize", "replace", "find", "rfind", "index", "count", "join", "format", "removeprefix", "removesuffix",
    "isdigit", "isspace",
  ]
  private static let listMethods: Set<String> = ["append", "extend", "insert", "pop", "index", "count"]
  private static let mappingMethods: Set<String> = [
    "items", "keys", "values", "get", "update", "pop", "setdefault", "copy",
  ]

  /// The method called `name`, bound to `value`.
  func method(_ name: String, of value: JinjaValue) -> JinjaValue? {
    let names: Set<String> =
      switch value {
      case .string, .markup: Self.stringMethods
      case .list: Self.listMethods
      case .dictionary: Self.mappingMethods
      case .loop: ["cycle"]
      default: []
      }
    return names.contains(name) ? .callable(.method(JinjaMethod(receiver: value, name: name))) : nil
  }

  func call(_ method: JinjaMethod, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaValue {
    switch method.receiver {
    case .string(let text), .markup(let text): return try call(method.name, of: text, arguments)
    case .list(let list): return try call(method.name, of: list, arguments)
    case .dictionary(let dictionary): return try call(method.name, of: dictionary, arguments)
    case .loop(let loop):
      guard !arguments.positional.isEmpty else { throw failure("'loop.cycle' needs values") }
      return arguments.positional[loop.index % arguments.positional.count]
    default: throw failure("\(method.receiver.kind) has no method '\(method.name)'")
    }
  }

  // MARK: - Strings

  private func call(
    _ name: String, of text: String, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    try spend(bytes: text.utf8.count)
    let callee = "string method '\(name)'"
    func options(_ names: String...) throws(ChatTemplateError) -> [JinjaValue?] {
      try bind(arguments, to: names, of: callee)
    }
    func needle(_ value: JinjaValue?) throws(ChatTemplateError) -> String {
      let value = try require(value, "a string", of: callee)
      guard let text = value.text else { throw failure("\(callee) needs a string, found \(value.kind)") }
      return text
    }
    switch name {
    case "startswith", "endswith":
      let value = try require(try options("prefix")[0], "a string", of: callee)
      let candidates: [JinjaValue] = if case .list(let list) = value, list.isTuple { list.elements } else { [value] }
      for candidate in candidates {
        let end = try needle(candidate)
        if name == "startswith" ? PythonText.hasPrefix(text, end) : PythonText.hasSuffix(text, end) {
          return .boolean(true)
        }
      }
      return .boolean(false)
    case "strip", "lstrip", "rstrip":
      let characters = try options("chars")[0]
      let set = characters.map { $0.isNone } ?? true ? nil : try needle(characters)
      return try self.text(PythonText.strip(text, set, left: name != "rstrip", right: name != "lstrip"))
    case "split", "rsplit":
      let options = try options("sep", "maxsplit")
      let separator = options[0].map { $0.isNone } ?? true ? nil : try needle(options[0])
      if let separator, separator.utf8.isEmpty { throw failure("\(callee) cannot split at an empty string") }
      let limit = try options[1].map { (limit) throws(ChatTemplateError) in try integer(limit, of: callee) } ?? -1
      let parts = PythonText.split(text, separator: separator, limit: limit, fromRight: name == "rsplit")
      return .list(try list(parts.map { .string($0) }))
    case "splitlines":
      let parts = PythonText.lines(text, keepEnds: try options("keepends")[0]?.isTrue ?? false)
      return .list(try list(parts.map { .string($0) }))
    case "replace":
      let options = try options("old", "new", "count")
      return try replace(text, try needle(options[0]), with: try needle(options[1]), limit: options[2]?.integer ?? -1)
    case "find", "rfind", "index":
      let place = PythonText.find(text, try needle(try options("sub")[0]), last: name == "rfind")
      if name == "index", place < 0 { throw failure("\(callee) does not find its string") }
      return .integer(place)
    case "count": return .integer(PythonText.count(text, try needle(try options("sub")[0])))
    case "join":
      var texts: [String] = []
      for element in try elements(of: try require(try options("iterable")[0], "iterable", of: callee)) {
        texts.append(try needle(element))
      }
      return try join(texts, separator: text)
    case "removeprefix":
      let prefix = try needle(try options("prefix")[0])
      guard PythonText.hasPrefix(text, prefix) else { return .string(text) }
      return try self.text(PythonText.string(text.unicodeScalars.dropFirst(prefix.unicodeScalars.count)))
    case "removesuffix":
      let suffix = try needle(try options("suffix")[0])
      guard PythonText.hasSuffix(text, suffix) else { return .string(text) }
      return try self.text(PythonText.string(text.unicodeScalars.dropLast(suffix.unicodeScalars.count)))
    case "format": return try format(text, arguments)
    default: break
    }
    _ = try options()
    switch name {
    case "upper": return try self.text(PythonText.upper(text))
    case "lower": return try self.text(PythonText.lower(text))
    case "title": return try self.text(PythonText.title(text))
    case "capitalize": return try self.text(PythonText.capitalize(text))
    case "isspace": return .boolean(!text.utf8.isEmpty && text.unicodeScalars.allSatisfy(PythonText.isSpace))
    default:
      let isDigits = text.unicodeScalars.allSatisfy {
        $0.properties.numericType == .decimal || $0.properties.numericType == .digit
      }
      return .boolean(!text.utf8.isEmpty && isDigits)
    }
  }

  /// `str.format` with the fields `{}`, `{0}` and `{name}`, without conversions or format specifications.
  private func format(_ template: String, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaValue {
    var result = ""
    var automatic = 0
    var rest = Array(template.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      guard scalar == "{" || scalar == "}" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      if rest.first == scalar {
        rest.removeFirst()
        result.unicodeScalars.append(scalar)
        continue
      }
      guard scalar == "{", let end = rest.firstIndex(of: "}") else {
        throw failure("string method 'format' found a single '\(scalar)'")
      }
      let field = PythonText.string(rest[..<end])
      rest = rest[(end + 1)...]
      let value: JinjaValue?
      if let index = field.isEmpty ? automatic : Int(field) {
        automatic += 1
        value = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
      } else {
        value = arguments.named.last { PythonText.equal($0.name, field) }?.value
      }
      guard let value else { throw failure("string method 'format' has no value for the field '{\(field)}'") }
      result += try string(value)
      try spend(bytes: result.utf8.count > limits.textBytes ? .max : 16)
    }
    return try text(result)
  }

  // MARK: - Lists and mappings

  private func call(
    _ name: String, of list: JinjaList, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    let callee = "list method '\(name)'"
    if list.isTuple, name != "index", name != "count" { throw failure("a tuple has no method '\(name)'") }
    switch name {
    case "append":
      list.elements.append(try require(try bind(arguments, to: ["object"], of: callee)[0], "object", of: callee))
    case "extend":
      let other = try elements(
        of: try require(try bind(arguments, to: ["iterable"], of: callee)[0], "iterable", of: callee))
      try spend(other.count)
      list.elements += other
    case "insert":
      let options = try bind(arguments, to: ["index", "object"], of: callee)
      let index = try integer(try require(options[0], "index", of: callee), of: callee)
      let place = index < 0 ? max(0, index &+ list.elements.count) : min(index, list.elements.count)
      try spend(list.elements.count / 16)
      list.elements.insert(try require(options[1], "object", of: callee), at: place)
    case "pop":
      let option = try bind(arguments, to: ["index"], of: callee)[0]
      let index = try option.map { (index) throws(ChatTemplateError) in try integer(index, of: callee) } ?? -1
      let place = index < 0 ? index &+ list.elements.count : index
      guard list.elements.indices.contains(place) else { throw failure("\(callee): there is no element \(index)") }
      try spend(list.elements.count / 16)
      return list.elements.remove(at: place)
    default:
      let value = try require(try bind(arguments, to: ["value"], of: callee)[0], "value", of: callee)
      var count = 0
      for (index, element) in list.elements.enumerated() where try equal(element, value) {
        if name == "index" { return .integer(index) }
        count += 1
      }
      if name == "index" { throw failure("\(callee) does not find its value") }
      return .integer(count)
    }
    return .none
  }

  private func call(
    _ name: String, of dictionary: JinjaDictionary, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    let callee = "mapping method '\(name)'"
    switch name {
    case "get", "setdefault", "pop":
      let options = try bind(arguments, to: ["key", "default"], of: callee)
      let keyName = try require(options[0], "key", of: callee)
      // Looking for what cannot be a key fails in Python too, except that an undefined value is merely not there.
      if keyName.isUndefined, name == "get" { return options[1] ?? .none }
      let key = try key(keyName)
      if name == "pop" {
        try spend(dictionary.count)
        guard let value = dictionary.remove(key) ?? options[1] else { throw failure("\(callee) does not find its key") }
        return value
      }
      if let value = dictionary.value(for: key) { return value }
      if name == "setdefault" { dictionary.set(options[1] ?? .none, for: key, named: keyName) }
      return options[1] ?? .none
    case "update":
      guard arguments.positional.count <= 1 else { throw failure("\(callee) takes one mapping") }
      if let source = arguments.positional.first {
        guard case .dictionary(let other) = source else {
          throw failure("\(callee) needs a mapping, found \(source.kind)")
        }
        try spend(other.count)
        for (name, value) in zip(other.keys, other.values) { dictionary.set(value, for: try key(name), named: name) }
      }
      for (name, value) in arguments.named { dictionary.set(value, for: name) }
      return .none
    default: break
    }
    _ = try bind(arguments, to: [], of: callee)
    switch name {
    case "items": return .list(try items(of: dictionary))
    case "keys": return .list(try list(dictionary.keys))
    case "values": return .list(try list(dictionary.values))
    default:
      let copy = self.dictionary()
      try spend(dictionary.count)
      for (name, value) in zip(dictionary.keys, dictionary.values) { copy.set(value, for: try key(name), named: name) }
      return .dictionary(copy)
    }
  }
}
