/// How values print: Python's `str` and `repr`.
extension JinjaRenderer {
  /// `str(value)`, which is what `{{ value }}` writes.
  func string(_ value: JinjaValue) throws(ChatTemplateError) -> String {
    if let text = value.text { return text }
    if value.isUndefined { return "" }
    var result = ""
    try write(representationOf: value, to: &result)
    return result
  }

  private func write(representationOf value: JinjaValue, to result: inout String) throws(ChatTemplateError) {
    try enter()
    defer { leave() }
    let start = result.utf8.count
    switch value {
    case .undefined: result += "Undefined"
    case .none: result += "None"
    case .boolean(let value): result += value ? "True" : "False"
    case .integer(let value): result += String(value)
    case .float(let value): result += PythonNumber.representation(value)
    case .string(let text): result += Self.quoted(text)
    case .markup(let text): result += "Markup(\(Self.quoted(text)))"
    case .list(let list):
      result += list.isTuple ? "(" : "["
      for (index, element) in list.elements.enumerated() {
        if index > 0 { result += ", " }
        try write(representationOf: element, to: &result)
      }
      if list.isTuple { result += list.elements.count == 1 ? ",)" : ")" } else { result += "]" }
    case .dictionary(let dictionary):
      result += "{"
      for (index, member) in zip(dictionary.keys, dictionary.values).enumerated() {
        if index > 0 { result += ", " }
        try write(representationOf: member.0, to: &result)
        result += ": "
        try write(representationOf: member.1, to: &result)
      }
      result += "}"
    case .namespace(let dictionary):
      result += "<Namespace "
      try write(representationOf: .dictionary(dictionary), to: &result)
      result += ">"
    case .callable(.macro(let macro)): result += "<Macro '\(macro.definition.name)'>"
    case .callable(.function(let function)): result += "<function \(function.rawValue)>"
    case .callable(.method(let method)): result += "<method \(method.name)>"
    case .loop(let loop): result += "<LoopContext \(loop.index + 1)/\(loop.elements.elements.count)>"
    }
    try spend(bytes: result.utf8.count > limits.textBytes ? .max : result.utf8.count - start)
  }

  /// `repr` of a string.
  private static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for scalar in scalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case quote: result += "\\" + String(quote)
      case " ": result += " "
      default: result += isPrintable(scalar) ? String(scalar) : escape(scalar)
      }
    }
    return result + String(quote)
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
      .spaceSeparator:
      false
    default: true
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let width = scalar.value < 0x100 ? 2 : scalar.value < 0x10000 ? 4 : 8
    let mark = scalar.value < 0x100 ? "x" : scalar.value < 0x10000 ? "u" : "U"
    return "\\\(mark)" + String(repeating: "0", count: width - digits.count) + digits
  }
}

/// How Python writes floating-point numbers.
enum PythonNumber {
  /// `repr(value)`: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
  static func representation(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    var text = value.magnitude.description[...]
    var exponent = 0
    if let mark = text.firstIndex(of: "e") {
      exponent = Int(text[text.index(after: mark)...]) ?? 0
      text = text[..<mark]
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var digits = Array((parts[0] + (parts.count > 1 ? parts[1] : "")).utf8)
    // The value is 0.DIGITS times ten to the power of `point`.
    var point = parts[0].utf8.count + exponent
    while digits.count > 1, digits.first == UInt8(ascii: "0") {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    let shown = String(decoding: digits, as: UTF8.self)
    if point - 1 < -4 || point - 1 >= 16 {
      let power = abs(point - 1)
      let mantissa = digits.count > 1 ? "\(shown.prefix(1)).\(shown.dropFirst())" : shown
      return "\(sign)\(mantissa)e\(point - 1 < 0 ? "-" : "+")\(power < 10 ? "0" : "")\(power)"
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + shown }
    if point >= digits.count { return sign + shown + String(repeating: "0", count: point - digits.count) + ".0" }
    return "\(sign)\(shown.prefix(point)).\(shown.dropFirst(point))"
  }
}
