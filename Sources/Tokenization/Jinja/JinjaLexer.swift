/// Cuts a template into tokens, as Jinja does with `trim_blocks` and `lstrip_blocks` on and `keep_trailing_newline` off:
/// the settings with which transformers renders chat templates.
struct JinjaLexer {
  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var line = 1
  private var tokens: [JinjaToken] = []
  // True at the start and after a tag that swallowed a newline: blanks before the next block tag then fill its line.
  private var isAtLineStart = true

  private init(_ source: String) {
    scalars = Self.normalized(source)
  }

  static func tokens(of source: String) throws(ChatTemplateError) -> [JinjaToken] {
    var lexer = JinjaLexer(source)
    try lexer.run()
    return lexer.tokens
  }

  /// All line ends become "\n", and one at the very end is dropped.
  private static func normalized(_ source: String) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var previous: Unicode.Scalar = " "
    for scalar in source.unicodeScalars {
      if !(scalar == "\n" && previous == "\r") { result.append(scalar == "\r" ? "\n" : scalar) }
      previous = scalar
    }
    if result.last == "\n" { result.removeLast() }
    return result
  }

  private mutating func run() throws(ChatTemplateError) {
    while position < scalars.count {
      guard let tag = nextTag(from: position) else {
        append(data: scalars[position...])
        break
      }
      let sign = scalar(at: tag + 2)
      let isSigned = sign == "-" || sign == "+"
      let kind = scalars[tag + 1]
      append(data: trimmed(scalars[position..<tag], sign: sign, isVariable: kind == "{"))
      position = tag + (isSigned ? 3 : 2)
      isAtLineStart = false
      switch kind {
      case "#": try skipComment()
      case "{": try readTag(isVariable: true)
      default:
        if let start = rawStart() { try readRaw(from: start) } else { try readTag(isVariable: false) }
      }
    }
    tokens.append(JinjaToken(kind: .end, line: line))
  }

  private func scalar(at index: Int) -> Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private func nextTag(from start: Int) -> Int? {
    var index = start
    while index + 1 < scalars.count {
      if scalars[index] == "{", ["{", "%", "#"].contains(scalars[index + 1]) { return index }
      index += 1
    }
    return nil
  }

  private func trimmed(
    _ text: ArraySlice<Unicode.Scalar>, sign: Unicode.Scalar?, isVariable: Bool
  ) -> ArraySlice<Unicode.Scalar> {
    if sign == "-" { return text[..<(text.lastIndex { !PythonText.isSpace($0) }.map { $0 + 1 } ?? text.startIndex)] }
    if sign == "+" || isVariable { return text }
    let lineStart = text.lastIndex(of: "\n").map { $0 + 1 }
    guard lineStart != nil || isAtLineStart else { return text }
    let start = lineStart ?? text.startIndex
    return text[start...].allSatisfy(PythonText.isSpace) ? text[..<start] : text
  }

  private mutating func append(data: ArraySlice<Unicode.Scalar>) {
    if !data.isEmpty { tokens.append(JinjaToken(kind: .data(PythonText.string(data)), line: line)) }
    // The trimmed part counts too: lines are counted from where this stretch began to where the next tag begins.
    let next = nextTag(from: position) ?? scalars.count
    line += scalars[position..<next].count { $0 == "\n" }
  }

  /// Goes past the end of a tag: after "-" white space is dropped, after nothing one newline is, unless `keepsNewline`.
  private mutating func finishTag(sign: Unicode.Scalar?, keepsNewline: Bool) {
    position += 2
    let start = position
    if sign == "-" {
      while let next = scalar(at: position), PythonText.isSpace(next) { position += 1 }
    } else if sign == nil, !keepsNewline, scalar(at: position) == "\n" {
      position += 1
    }
    line += scalars[start..<position].count { $0 == "\n" }
    isAtLineStart = position > start && scalars[position - 1] == "\n"
  }

  private mutating func skipComment() throws(ChatTemplateError) {
    let startLine = line
    let start = position
    while position + 1 < scalars.count {
      if scalars[position] == "#", scalars[position + 1] == "}" {
        let sign = position > start ? scalars[position - 1] : " "
        return finishTag(sign: sign == "-" || sign == "+" ? sign : nil, keepsNewline: false)
      }
      if scalars[position] == "\n" { line += 1 }
      position += 1
    }
    throw ChatTemplateError(.syntax, "the comment that begins here has no '#}'", line: startLine)
  }

  // MARK: - Raw blocks

  private func skippingSpace(_ index: Int) -> Int {
    var index = index
    while let next = scalar(at: index), PythonText.isSpace(next) { index += 1 }
    return index
  }

  private func matches(_ text: String, at index: Int) -> Bool {
    index <= scalars.count && scalars[index...].starts(with: text.unicodeScalars)
  }

  /// Where the tag's "%}" or "-%}" is, if the tag being read is `raw`.
  private func rawStart() -> Int? {
    let word = skippingSpace(position)
    guard matches("raw", at: word) else { return nil }
    let end = skippingSpace(word + 3)
    return matches("%}", at: end) || matches("-%}", at: end) ? end : nil
  }

  private mutating func readRaw(from end: Int) throws(ChatTemplateError) {
    let startLine = line
    line += scalars[position..<end].count { $0 == "\n" }
    let isTrimmed = scalars[end] == "-"
    position = end + (isTrimmed ? 1 : 0)
    finishTag(sign: isTrimmed ? "-" : nil, keepsNewline: true)
    let start = position
    var index = position
    while index + 1 < scalars.count {
      if scalars[index] == "{", scalars[index + 1] == "%" {
        let sign = scalar(at: index + 2)
        let isSigned = sign == "-" || sign == "+"
        let word = skippingSpace(index + (isSigned ? 3 : 2))
        let tail = skippingSpace(word + 6)
        let endSign = scalar(at: tail)
        let isEndSigned = endSign == "-" || endSign == "+"
        if matches("endraw", at: word), matches("%}", at: tail + (isEndSigned ? 1 : 0)) {
          let text = trimmed(scalars[start..<index], sign: sign, isVariable: false)
          if !text.isEmpty { tokens.append(JinjaToken(kind: .data(PythonText.string(text)), line: line)) }
          line += scalars[start..<tail].count { $0 == "\n" }
          position = tail + (isEndSigned ? 1 : 0)
          return finishTag(sign: isEndSigned ? endSign : nil, keepsNewline: false)
        }
      }
      index += 1
    }
    throw ChatTemplateError(.syntax, "the raw block that begins here has no '{% endraw %}'", line: startLine)
  }

  // MARK: - Inside of tags

  private mutating func readTag(isVariable: Bool) throws(ChatTemplateError) {
    let startLine = line
    let close: Unicode.Scalar = isVariable ? "}" : "%"
    tokens.append(JinjaToken(kind: isVariable ? .variableBegin : .blockBegin, line: line))
    var open: [Unicode.Scalar] = []
    while let current = scalar(at: position) {
      if open.isEmpty {
        let isSigned = (current == "-" || (current == "+" && !isVariable)) && scalar(at: position + 1) == close
        let mark = position + (isSigned ? 1 : 0)
        if scalar(at: mark) == close, scalar(at: mark + 1) == "}" {
          tokens.append(JinjaToken(kind: isVariable ? .variableEnd : .blockEnd, line: line))
          position = mark
          return finishTag(sign: isSigned ? current : nil, keepsNewline: isVariable)
        }
      }
      if PythonText.isSpace(current) {
        if current == "\n" { line += 1 }
        position += 1
      } else if current == "'" || current == "\"" {
        try readString(quote: current)
      } else if ("0"..."9").contains(current) {
        try readNumber()
      } else if current == "_" || current.properties.isXIDStart {
        readName()
      } else {
        try readSymbol(open: &open)
      }
    }
    throw ChatTemplateError(.syntax, "the tag that begins here has no '\(close)}'", line: startLine)
  }

  private mutating func readName() {
    let start = position
    while let next = scalar(at: position), next == "_" || next.properties.isXIDContinue { position += 1 }
    tokens.append(JinjaToken(kind: .name(PythonText.string(scalars[start..<position])), line: line))
  }

  private mutating func readSymbol(open: inout [Unicode.Scalar]) throws(ChatTemplateError) {
    let current = scalars[position]
    for symbol in ["**", "//", "==", "!=", "<=", ">="] where matches(symbol, at: position) {
      tokens.append(JinjaToken(kind: .symbol(symbol), line: line))
      position += 2
      return
    }
    guard "+-/*%~[](){}<>=.:|,;".unicodeScalars.contains(current) else {
      throw ChatTemplateError(.syntax, "unexpected character '\(current)'", line: line)
    }
    switch current {
    case "(": open.append(")")
    case "[": open.append("]")
    case "{": open.append("}")
    case ")", "]", "}":
      guard let expected = open.popLast() else {
        throw ChatTemplateError(.syntax, "unexpected '\(current)'", line: line)
      }
      guard expected == current else {
        throw ChatTemplateError(.syntax, "unexpected '\(current)', expected '\(expected)'", line: line)
      }
    default: break
    }
    tokens.append(JinjaToken(kind: .symbol(String(current)), line: line))
    position += 1
  }

  private mutating func readNumber() throws(ChatTemplateError) {
    let start = position
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { ("0"..."9").contains($0) } ?? false }
    if scalars[position] == "0", let mark = scalar(at: position + 1), let radix = Self.radix(mark) {
      position += 2
      while let next = scalar(at: position), next == "_" || next.properties.isASCIIHexDigit { position += 1 }
      return try append(integer: String(PythonText.string(scalars[(start + 2)..<position])), radix: radix)
    }
    func skipDigits(_ index: Int) -> Int {
      var index = index
      while isDigit(scalar(at: index)) || (scalar(at: index) == "_" && isDigit(scalar(at: index + 1))) { index += 1 }
      return index
    }
    position = skipDigits(position)
    var isFloat = false
    // In "items.0.1" the digits are keys, not a fraction.
    let followsDot = start > 0 && scalars[start - 1] == "."
    if !followsDot {
      if scalar(at: position) == ".", isDigit(scalar(at: position + 1)) {
        isFloat = true
        position = skipDigits(position + 1)
      }
      if let mark = scalar(at: position), mark == "e" || mark == "E" {
        let sign = scalar(at: position + 1)
        let digits = position + (sign == "+" || sign == "-" ? 2 : 1)
        if isDigit(scalar(at: digits)) {
          isFloat = true
          position = skipDigits(digits)
        }
      }
    }
    let text = PythonText.string(scalars[start..<position].filter { $0 != "_" })
    guard isFloat else { return try append(integer: text, radix: 10) }
    guard let value = Double(text) else {
      throw ChatTemplateError(.syntax, "'\(text)' is not a number", line: line)
    }
    tokens.append(JinjaToken(kind: .float(value), line: line))
  }

  private static func radix(_ mark: Unicode.Scalar) -> Int? {
    switch mark {
    case "x", "X": 16
    case "o", "O": 8
    case "b", "B": 2
    default: nil
    }
  }

  private mutating func append(integer text: String, radix: Int) throws(ChatTemplateError) {
    guard let value = Int(text.filter { $0 != "_" }, radix: radix) else {
      throw ChatTemplateError(.syntax, "'\(text)' is not an integer of 64 bits", line: line)
    }
    tokens.append(JinjaToken(kind: .integer(value), line: line))
  }

  // MARK: - Strings

  private mutating func readString(quote: Unicode.Scalar) throws(ChatTemplateError) {
    let startLine = line
    var text = String.UnicodeScalarView()
    position += 1
    while let current = scalar(at: position) {
      position += 1
      if current == quote {
        tokens.append(JinjaToken(kind: .string(String(text)), line: startLine))
        return
      }
      if current == "\n" { line += 1 }
      if current == "\\" { try readEscape(into: &text) } else { text.append(current) }
    }
    throw ChatTemplateError(.syntax, "the string that begins here is not closed", line: startLine)
  }

  private mutating func readEscape(into text: inout String.UnicodeScalarView) throws(ChatTemplateError) {
    guard let mark = scalar(at: position) else { return }
    position += 1
    switch mark {
    case "\n": line += 1
    case "\\", "'", "\"": text.append(mark)
    case "a": text.append("\u{07}")
    case "b": text.append("\u{08}")
    case "f": text.append("\u{0C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{0B}")
    case "x": text.append(try readCode(digits: 2, radix: 16, exactly: true))
    case "u": text.append(try readCode(digits: 4, radix: 16, exactly: true))
    case "U": text.append(try readCode(digits: 8, radix: 16, exactly: true))
    case "0"..."7":
      position -= 1
      text.append(try readCode(digits: 3, radix: 8, exactly: false))
    default:
      text.append("\\")
      text.append(mark)
    }
  }

  private mutating func readCode(
    digits: Int, radix: UInt32, exactly: Bool
  ) throws(ChatTemplateError) -> Unicode.Scalar {
    var code: UInt32 = 0
    var count = 0
    while count < digits, let next = scalar(at: position), next.isASCII,
      let digit = Character(next).hexDigitValue, digit < radix
    {
      code = code &* radix &+ UInt32(digit)
      count += 1
      position += 1
    }
    guard !exactly || count == digits, let scalar = Unicode.Scalar(code) else {
      throw ChatTemplateError(.syntax, "an escape in a string names no Unicode character", line: line)
    }
    return scalar
  }
}
