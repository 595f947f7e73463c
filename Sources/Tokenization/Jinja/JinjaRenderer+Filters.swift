/// Filters on one value; those on sequences are in JinjaRenderer+SequenceFilters.swift.
extension JinjaRenderer {
  func filter(
    _ name: String, _ value: JinjaValue, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    try enter()
    defer { leave() }
    if let result = try textFilter(name, value, arguments) { return result }
    if let result = try sequenceFilter(name, value, arguments) { return result }
    let callee = "filter '\(name)'"
    switch name {
    case "default", "d":
      let options = try bind(arguments, to: ["default_value", "boolean"], of: callee)
      let isReplaced = value.isUndefined || ((options[1]?.isTrue ?? false) && !value.isTrue)
      return isReplaced ? options[0] ?? .string("") : value
    case "tojson": return try json(value, arguments)
    case "int": return try integerFilter(value, try bind(arguments, to: ["default", "base"], of: callee))
    case "float":
      let missing = try bind(arguments, to: ["default"], of: callee)[0] ?? .float(0)
      if let number = value.number { return .float(number) }
      guard let text = value.text, let number = Double(PythonText.strip(text)) else { return missing }
      return .float(number)
    case "abs":
      _ = try bind(arguments, to: [], of: callee)
      if case .float(let number) = value { return .float(number.magnitude) }
      let integer = try integer(value, of: callee)
      return integer < 0 ? try negate(.integer(integer)) : .integer(integer)
    case "round": return try roundFilter(value, try bind(arguments, to: ["precision", "method"], of: callee))
    default: throw failure("there is no filter '\(name)'")
    }
  }

  private func integerFilter(_ value: JinjaValue, _ options: [JinjaValue?]) throws(ChatTemplateError) -> JinjaValue {
    let missing = options[0] ?? .integer(0)
    if let integer = value.integer { return .integer(integer) }
    if case .float(let number) = value {
      return Int(exactly: number.rounded(.towardZero)).map { .integer($0) } ?? missing
    }
    guard let text = value.text else { return missing }
    let base = try options[1].map { (base) throws(ChatTemplateError) in try integer(base, of: "filter 'int'") } ?? 10
    guard (2...36).contains(base) else { throw failure("filter 'int' needs a base from 2 to 36, found \(base)") }
    let digits = PythonText.strip(text).filter { $0 != "_" }
    if let integer = Int(digits, radix: base) { return .integer(integer) }
    guard let number = Double(digits), let integer = Int(exactly: number.rounded(.towardZero)) else { return missing }
    return .integer(integer)
  }

  private func roundFilter(_ value: JinjaValue, _ options: [JinjaValue?]) throws(ChatTemplateError) -> JinjaValue {
    let callee = "filter 'round'"
    let precision = try options[0].map { (digits) throws(ChatTemplateError) in try integer(digits, of: callee) } ?? 0
    let method = options[1]?.text ?? "common"
    guard (-300...300).contains(precision) else { throw failure("\(callee) cannot round to \(precision) digits") }
    guard let number = value.number else { throw failure("\(callee) needs a number, found \(value.kind)") }
    if value.integer != nil, method == "common", precision >= 0 { return value }
    guard case .float(let scale) = try calculate(.float(10), .power, .integer(precision)) else { return value }
    switch method {
    case "common":
      let rounded = (number * scale).rounded(.toNearestOrEven) / scale
      return .float(rounded.isFinite ? rounded : number)
    case "ceil": return .float((number * scale).rounded(.up) / scale)
    case "floor": return .float((number * scale).rounded(.down) / scale)
    default: throw failure("\(callee) has the methods 'common', 'ceil' and 'floor', found '\(method)'")
    }
  }

  /// Filters that first make a text of the value; nil for other names.
  private func textFilter(
    _ name: String, _ value: JinjaValue, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue? {
    let callee = "filter '\(name)'"
    func source() throws(ChatTemplateError) -> String {
      let text = try string(value)
      try spend(bytes: text.utf8.count)
      return text
    }
    switch name {
    case "trim":
      let characters = try bind(arguments, to: ["chars"], of: callee)[0]
      return try text(PythonText.strip(try source(), characters?.text))
    case "replace":
      let options = try bind(arguments, to: ["old", "new", "count"], of: callee)
      let old = try string(try require(options[0], "old", of: callee))
      let new = try string(try require(options[1], "new", of: callee))
      return try replace(try source(), old, with: new, limit: options[2]?.integer ?? -1)
    case "indent": return try indent(try source(), try bind(arguments, to: ["width", "first", "blank"], of: callee))
    default: break
    }
    guard ["upper", "lower", "capitalize", "title", "string", "safe", "escape", "e"].contains(name) else { return nil }
    _ = try bind(arguments, to: [], of: callee)
    let source = try source()
    switch name {
    case "upper": return try text(PythonText.upper(source))
    case "lower": return try text(PythonText.lower(source))
    case "capitalize": return try text(PythonText.capitalize(source))
    case "title": return try text(PythonText.titleFilter(source))
    case "string": return value.text == nil ? .string(source) : value
    case "safe": return .markup(source)
    default:
      if case .markup = value { return value }
      return .markup(PythonText.escapeMarkup(source))
    }
  }

  /// `str.replace` with the size of its result checked beforehand.
  func replace(
    _ source: String, _ old: String, with new: String, limit: Int
  ) throws(ChatTemplateError) -> JinjaValue {
    try spend(bytes: source.utf8.count)
    let count = limit < 0 ? PythonText.count(source, old) : min(limit, PythonText.count(source, old))
    let (added, overflows) = count.multipliedReportingOverflow(by: new.utf8.count)
    try spend(bytes: overflows ? .max : added)
    return try text(PythonText.replace(source, old, with: new, limit: limit))
  }

  /// The blanks of one level of indentation.
  func spaces(_ width: JinjaValue, of callee: String) throws(ChatTemplateError) -> String {
    let count = try integer(width, of: callee)
    guard count <= 1000 else { throw failure("\(callee) indents by at most 1000, found \(count)") }
    return String(repeating: " ", count: max(0, count))
  }

  private func indent(_ source: String, _ options: [JinjaValue?]) throws(ChatTemplateError) -> JinjaValue {
    let callee = "filter 'indent'"
    var prefix = "    "
    if let text = options[0]?.text {
      prefix = text
    } else if let width = options[0] {
      prefix = try spaces(width, of: callee)
    }
    let indentsFirst = options[1]?.isTrue ?? false
    let indentsBlank = options[2]?.isTrue ?? false
    // Jinja adds a newline before it splits, so a final line end stays one.
    let lines = PythonText.lines(source + "\n")
    try spend(bytes: source.utf8.count + lines.count * prefix.utf8.count)
    var result = indentsFirst ? prefix : ""
    for (index, line) in lines.enumerated() {
      if index > 0 { result += "\n" + (line.isEmpty && !indentsBlank ? "" : prefix) }
      result += line
    }
    return try text(result)
  }
}
