/// The filter `tojson` as transformers defines it: Python's `json.dumps` without escaping of HTML or of non-ASCII text.
extension JinjaRenderer {
  private struct Style {
    var isASCII = false
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false
  }

  func json(_ value: JinjaValue, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaValue {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"]
    let options = try bind(arguments, to: names, of: "filter 'tojson'")
    var style = Style(isASCII: options[0]?.isTrue ?? false, sortsKeys: options[3]?.isTrue ?? false)
    if let indent = options[1], !indent.isNone {
      style.indent = if let text = indent.text { text } else { try spaces(indent, of: "filter 'tojson'") }
      style.itemSeparator = ","
    }
    if let separators = options[2], !separators.isNone {
      let parts = try elements(of: separators)
      guard parts.count == 2, let item = parts[0].text, let key = parts[1].text else {
        throw failure("filter 'tojson' needs two strings as 'separators'")
      }
      style.itemSeparator = item
      style.keySeparator = key
    }
    var result = ""
    try write(value, to: &result, style, level: 0)
    return .string(result)
  }

  private func write(
    _ value: JinjaValue, to result: inout String, _ style: Style, level: Int
  ) throws(ChatTemplateError) {
    try enter()
    defer { leave() }
    let start = result.utf8.count
    switch value {
    case .none: result += "null"
    case .boolean(let value): result += value ? "true" : "false"
    case .integer(let value): result += String(value)
    case .float(let value): result += Self.json(value)
    case .string(let text), .markup(let text): result += Self.json(text, isASCII: style.isASCII)
    case .list(let list):
      try write(list.elements, to: &result, style, level: level, marks: ("[", "]")) {
        (element, result) throws(ChatTemplateError) in
        try self.write(element, to: &result, style, level: level + 1)
      }
    case .dictionary(let dictionary):
      var members: [(JinjaValue, JinjaValue)] = Array(zip(dictionary.keys, dictionary.values))
      if style.sortsKeys {
        members = try sorted(members) { (left, right) throws(ChatTemplateError) in try self.precedes(left.0, right.0) }
      }
      try write(members, to: &result, style, level: level, marks: ("{", "}")) {
        (member, result) throws(ChatTemplateError) in
        result += Self.json(try self.jsonKey(member.0), isASCII: style.isASCII) + style.keySeparator
        try self.write(member.1, to: &result, style, level: level + 1)
      }
    default: throw failure("\(value.kind) cannot be written as JSON")
    }
    try spend(bytes: result.utf8.count > limits.textBytes ? .max : result.utf8.count - start)
  }

  private func write<Element>(
    _ elements: [Element], to result: inout String, _ style: Style, level: Int, marks: (String, String),
    element write: (Element, inout String) throws(ChatTemplateError) -> Void
  ) throws(ChatTemplateError) {
    result += marks.0
    for (index, element) in elements.enumerated() {
      if index > 0 { result += style.itemSeparator }
      if let indent = style.indent { result += "\n" + String(repeating: indent, count: level + 1) }
      try write(element, &result)
    }
    if let indent = style.indent, !elements.isEmpty { result += "\n" + String(repeating: indent, count: level) }
    result += marks.1
  }

  private func jsonKey(_ value: JinjaValue) throws(ChatTemplateError) -> String {
    switch value {
    case .string(let text), .markup(let text): text
    case .none: "null"
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .float(let value): Self.json(value)
    default: throw failure("\(value.kind) cannot be a key in JSON")
    }
  }

  private static func json(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
    return PythonNumber.representation(value)
  }

  private static func json(_ text: String, isASCII: Bool) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{08}": result += "\\b"
      case "\u{0C}": result += "\\f"
      default:
        if scalar.value >= 0x20, scalar.isASCII || !isASCII {
          result.unicodeScalars.append(scalar)
        } else {
          for unit in String(scalar).utf16 {
            let digits = String(unit, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
          }
        }
      }
    }
    return result + "\""
  }
}
