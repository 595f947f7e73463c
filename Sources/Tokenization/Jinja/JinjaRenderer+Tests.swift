/// The tests of `is`.
extension JinjaRenderer {
  func test(
    _ name: String, _ value: JinjaValue, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> Bool {
    let callee = "test '\(name)'"
    if let comparison = Self.comparison(name) {
      let other = try require(try bind(arguments, to: ["other"], of: callee)[0], "other", of: callee)
      return try compare(value, comparison, other)
    }
    switch name {
    case "divisibleby":
      let divisor = try require(try bind(arguments, to: ["num"], of: callee)[0], "num", of: callee)
      guard case .integer(let remainder) = try calculate(value, .remainder, divisor) else { return false }
      return remainder == 0
    case "sameas":
      let other = try require(try bind(arguments, to: ["other"], of: callee)[0], "other", of: callee)
      guard value.kind == other.kind else { return false }
      return try equal(value, other)
    default: break
    }
    _ = try bind(arguments, to: [], of: callee)
    switch name {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "none": return value.isNone
    case "string": return value.text != nil
    case "number": return value.number != nil
    case "odd", "even":
      guard case .integer(let remainder) = try calculate(value, .remainder, .integer(2)) else { return false }
      return remainder == (name == "odd" ? 1 : 0)
    case "lower", "upper":
      let text = try string(value)
      try spend(bytes: text.utf8.count)
      let changed = name == "lower" ? PythonText.lower(text) : PythonText.upper(text)
      return PythonText.equal(text, changed) && text.unicodeScalars.contains { $0.properties.isCased }
    default: break
    }
    switch (name, value) {
    case ("mapping", .dictionary), ("boolean", .boolean), ("true", .boolean(true)), ("false", .boolean(false)),
      ("integer", .integer), ("float", .float), ("callable", .callable):
      return true
    case ("mapping", _), ("boolean", _), ("true", _), ("false", _), ("integer", _), ("float", _), ("callable", _):
      return false
    // An undefined value has a length and elements, none, and so passes for a sequence.
    case ("iterable", .loop): return true
    case ("iterable", _), ("sequence", _):
      switch value {
      case .string, .markup, .list, .dictionary, .undefined: return true
      default: return false
      }
    default: throw failure("there is no test '\(name)'")
    }
  }

  private static func comparison(_ name: String) -> JinjaComparison? {
    switch name {
    case "eq", "equalto": .equal
    case "ne": .notEqual
    case "lt", "lessthan": .less
    case "le": .lessOrEqual
    case "gt", "greaterthan": .greater
    case "ge": .greaterOrEqual
    case "in": .contained
    // Written as a name in `select`: `select("==", 1)`.
    default: name == "not in" ? nil : JinjaComparison(rawValue: name)
    }
  }
}
