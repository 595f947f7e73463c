/// Filters on lists, mappings and the characters of texts.
extension JinjaRenderer {
  /// Nil for names of other filters.
  func sequenceFilter(
    _ name: String, _ value: JinjaValue, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue? {
    let callee = "filter '\(name)'"
    func options(_ names: String...) throws(ChatTemplateError) -> [JinjaValue?] {
      try bind(arguments, to: names, of: callee)
    }
    switch name {
    case "length", "count":
      _ = try options()
      return .integer(try length(of: value))
    case "list":
      _ = try options()
      return .list(try list(try elements(of: value)))
    case "first", "last":
      _ = try options()
      let elements = try elements(of: value)
      return (name == "first" ? elements.first : elements.last) ?? .undefined("the \(name) element of an empty list")
    case "reverse":
      _ = try options()
      if let text = value.text { return try self.text(PythonText.string(text.unicodeScalars.reversed())) }
      return .list(try list(try elements(of: value).reversed()))
    case "items":
      _ = try options()
      if value.isUndefined { return .list(try list([])) }
      guard case .dictionary(let dictionary) = value else {
        throw failure("\(callee) needs a mapping, found \(value.kind)")
      }
      return .list(try items(of: dictionary))
    case "join": return try join(value, try options("d", "attribute"))
    case "sort":
      let options = try options("reverse", "case_sensitive", "attribute")
      let elements = try elements(of: value)
      return .list(
        try list(
          try sort(
            elements, isReversed: options[0]?.isTrue ?? false, isCaseSensitive: options[1]?.isTrue ?? false,
            attribute: options[2])))
    case "dictsort": return try sortDictionary(value, try options("case_sensitive", "by", "reverse"))
    case "unique":
      let options = try options("case_sensitive", "attribute")
      return try unique(value, isCaseSensitive: options[0]?.isTrue ?? false, attribute: options[1])
    case "min", "max":
      let options = try options("case_sensitive", "attribute")
      let sorted = try sort(
        try elements(of: value), isReversed: name == "max", isCaseSensitive: options[0]?.isTrue ?? false,
        attribute: options[1])
      return sorted.first ?? .undefined("the \(name) of an empty list")
    case "sum":
      let options = try options("attribute", "start")
      var sum = options[1] ?? .integer(0)
      for element in try elements(of: value) {
        sum = try calculate(sum, .add, try selected(element, options[0]))
      }
      return sum
    case "map": return try map(value, arguments)
    case "select", "reject", "selectattr", "rejectattr": return try select(name, value, arguments)
    default: return nil
    }
  }

  func length(of value: JinjaValue) throws(ChatTemplateError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text), .markup(let text):
      try spend(bytes: text.utf8.count)
      return text.unicodeScalars.count
    case .list(let list): return list.elements.count
    case .dictionary(let dictionary): return dictionary.count
    case .loop(let loop): return loop.elements.elements.count
    default: throw failure("\(value.kind) has no length")
    }
  }

  func items(of dictionary: JinjaDictionary) throws(ChatTemplateError) -> JinjaList {
    var pairs: [JinjaValue] = []
    for (name, value) in zip(dictionary.keys, dictionary.values) {
      pairs.append(.list(try list([name, value], isTuple: true)))
    }
    return try list(pairs)
  }

  private func join(_ value: JinjaValue, _ options: [JinjaValue?]) throws(ChatTemplateError) -> JinjaValue {
    let separator = try options[0].map { (text) throws(ChatTemplateError) in try string(text) } ?? ""
    var texts: [String] = []
    for element in try elements(of: value) { texts.append(try string(try selected(element, options[1]))) }
    return try join(texts, separator: separator)
  }

  func join(_ texts: [String], separator: String) throws(ChatTemplateError) -> JinjaValue {
    var result = ""
    for (index, text) in texts.enumerated() {
      if index > 0 { result += separator }
      result += text
      try spend(bytes: result.utf8.count > limits.textBytes ? .max : separator.utf8.count)
    }
    return try text(result)
  }

  /// The element itself or, with an attribute such as "a.b" or 0, what that names in it.
  private func selected(_ element: JinjaValue, _ attribute: JinjaValue?) throws(ChatTemplateError) -> JinjaValue {
    guard let attribute, !attribute.isNone else { return element }
    guard let path = attribute.text else { return try self.element(attribute, of: element) }
    var value = element
    for part in PythonText.split(path, separator: ".", limit: -1) {
      value = try self.element(Int(part).map { .integer($0) } ?? .string(part), of: value)
    }
    return value
  }

  private func sortKey(
    _ value: JinjaValue, _ isCaseSensitive: Bool
  ) throws(ChatTemplateError) -> JinjaValue {
    guard !isCaseSensitive, let text = value.text else { return value }
    return try self.text(PythonText.lower(text))
  }

  private func sort(
    _ elements: [JinjaValue], isReversed: Bool, isCaseSensitive: Bool, attribute: JinjaValue?
  ) throws(ChatTemplateError) -> [JinjaValue] {
    var keyed: [(key: JinjaValue, element: JinjaValue)] = []
    for element in elements {
      // Several attributes, with commas between them, sort by the first that differs.
      let paths = attribute?.text.map { PythonText.split($0, separator: ",", limit: -1) } ?? []
      var keys: [JinjaValue] = []
      for path in paths {
        keys.append(try sortKey(try selected(element, .string(PythonText.strip(path))), isCaseSensitive))
      }
      if paths.isEmpty { keys = [try sortKey(try selected(element, attribute), isCaseSensitive)] }
      keyed.append((keys.count == 1 ? keys[0] : .list(try list(keys)), element))
    }
    // Reversed, equal elements still keep their order, as in Python.
    let sorted = try sorted(keyed) { (left, right) throws(ChatTemplateError) in
      isReversed ? try self.precedes(right.key, left.key) : try self.precedes(left.key, right.key)
    }
    return sorted.map(\.element)
  }

  private func sortDictionary(_ value: JinjaValue, _ options: [JinjaValue?]) throws(ChatTemplateError) -> JinjaValue {
    guard case .dictionary(let dictionary) = value else {
      throw failure("filter 'dictsort' needs a mapping, found \(value.kind)")
    }
    let place: Int
    switch options[1]?.text ?? "key" {
    case "key": place = 0
    case "value": place = 1
    case let other: throw failure("filter 'dictsort' sorts by 'key' or 'value', found '\(other)'")
    }
    let sorted = try sort(
      try items(of: dictionary).elements, isReversed: options[2]?.isTrue ?? false,
      isCaseSensitive: options[0]?.isTrue ?? false, attribute: .integer(place))
    return .list(try list(sorted))
  }

  private func unique(
    _ value: JinjaValue, isCaseSensitive: Bool, attribute: JinjaValue?
  ) throws(ChatTemplateError) -> JinjaValue {
    var seen: Set<JinjaKey> = []
    var kept: [JinjaValue] = []
    for element in try elements(of: value) {
      let key = try key(try sortKey(try selected(element, attribute), isCaseSensitive))
      if seen.insert(key).inserted { kept.append(element) }
    }
    return .list(try list(kept))
  }

  private func map(_ value: JinjaValue, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaValue {
    var results: [JinjaValue] = []
    if let name = arguments.positional.first?.text {
      let rest = JinjaCallArguments(positional: Array(arguments.positional.dropFirst()), named: arguments.named)
      for element in try selectable(value) { results.append(try filter(name, element, rest)) }
    } else {
      let options = try bind(arguments, to: ["attribute", "default"], of: "filter 'map'")
      let attribute = try require(options[0], "attribute", of: "filter 'map'")
      for element in try selectable(value) {
        let found = try selected(element, attribute)
        results.append(found.isUndefined ? options[1] ?? found : found)
      }
    }
    return .list(try list(results))
  }

  /// These filters run lazily in Jinja and never look at a value that is false: `none` counts as empty.
  private func selectable(_ value: JinjaValue) throws(ChatTemplateError) -> [JinjaValue] {
    value.isTrue ? try elements(of: value) : []
  }

  private func select(
    _ name: String, _ value: JinjaValue, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    var positional = arguments.positional[...]
    let attribute = name.hasSuffix("attr") ? positional.popFirst() : nil
    if name.hasSuffix("attr"), attribute == nil { throw failure("filter '\(name)' needs the name of an attribute") }
    let test = positional.popFirst()
    let rest = JinjaCallArguments(positional: Array(positional), named: arguments.named)
    var kept: [JinjaValue] = []
    for element in try selectable(value) {
      let tested = try selected(element, attribute)
      let passes: Bool
      if let test { passes = try self.test(try string(test), tested, rest) } else { passes = tested.isTrue }
      if passes == name.hasPrefix("select") { kept.append(element) }
    }
    return .list(try list(kept))
  }
}
