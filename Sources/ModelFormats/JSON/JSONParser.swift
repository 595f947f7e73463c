import Kernels

/// A strict JSON parser (RFC 8259) over bytes.
///
/// Our own because safetensors demands that duplicate keys are found, because the keys of vocabularies must stay apart
/// by their bytes, and because a tokenizer.json is ten megabytes and more.
package struct JSONParser {
  /// What to take beyond, or refuse within, the standard.
  package struct Options: Sendable {
    /// Takes `NaN`, `Infinity` and `-Infinity`, which Python writes.
    package var allowsNonFinite = false
    /// Refuses an object in which a key occurs twice.
    package var refusesDuplicateKeys = false
    package init(allowsNonFinite: Bool = false, refusesDuplicateKeys: Bool = false) {
      self.allowsNonFinite = allowsNonFinite
      self.refusesDuplicateKeys = refusesDuplicateKeys
    }
  }

  private static let maximumDepth = 128
  private static let maximumBytes = 512 << 20

  private let bytes: [UInt8]
  private let file: String
  private let options: Options
  private var position = 0
  private var depth = 0

  private init(_ bytes: [UInt8], file: String, options: Options) {
    self.bytes = bytes
    self.file = file
    self.options = options
  }

  /// Parses a whole text.
  ///
  /// - Throws: `malformed` with line and column.
  package static func parse(
    _ bytes: [UInt8], file: String, options: Options = Options()
  ) throws(FormatError) -> JSONValue {
    var parser = JSONParser(bytes, file: file, options: options)
    if let bad = UTF8Validation.firstInvalid(bytes) {
      parser.position = bad
      throw parser.error("a byte that is not valid UTF-8")
    }
    let value = try parser.parseValue()
    parser.skipSpace()
    guard parser.position == bytes.count else { throw parser.error("something after the end of the value") }
    return value
  }

  /// Reads and parses a file.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read or is not JSON.
  package static func parse(path: String, options: Options = Options()) throws(FormatError) -> JSONNode {
    let shared = try MappedFile(path: path).bytes
    try FileKind.refuseGitLFSPointer(shared, file: path)
    guard shared.count <= maximumBytes else {
      throw FormatError(
        .tooLarge, file: path, "is too large for a JSON text", found: "\(grouped(shared.count)) bytes",
        expected: "at most \(grouped(maximumBytes))")
    }
    let value = try parse(shared.array(0..<shared.count), file: path, options: options)
    return JSONNode(value, file: path)
  }

  // MARK: values

  private mutating func parseValue() throws(FormatError) -> JSONValue {
    skipSpace()
    guard position < bytes.count else { throw error("the end of the text instead of a value") }
    switch bytes[position] {
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "{"): return try nested { parser throws(FormatError) in try parser.parseObject() }
    case UInt8(ascii: "["): return try nested { parser throws(FormatError) in try parser.parseArray() }
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "N"): return try nonFinite("NaN", .nan)
    case UInt8(ascii: "I"): return try nonFinite("Infinity", .infinity)
    case UInt8(ascii: "-") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "I"):
      return try nonFinite("-Infinity", -.infinity)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
    default: throw error("an unexpected character")
    }
  }

  private mutating func nested(
    _ body: (inout JSONParser) throws(FormatError) -> JSONValue
  ) throws(FormatError) -> JSONValue {
    guard depth < JSONParser.maximumDepth else { throw error("more than \(JSONParser.maximumDepth) levels of nesting") }
    depth += 1
    position += 1
    let value = try body(&self)
    depth -= 1
    return value
  }

  private mutating func parseObject() throws(FormatError) -> JSONValue {
    var entries: [(key: JSONString, value: JSONValue)] = []
    skipSpace()
    if skip(UInt8(ascii: "}")) { return .object(JSONObject(entries: entries)) }
    var keys: Set<JSONString> = []
    repeat {
      skipSpace()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("no key in quotes") }
      let start = position
      let key = try parseString()
      if options.refusesDuplicateKeys, !keys.insert(key).inserted {
        position = start
        throw error("the key \"\(printable(key.string))\" for the second time")
      }
      skipSpace()
      guard skip(UInt8(ascii: ":")) else { throw error("no colon after a key") }
      entries.append((key, try parseValue()))
      skipSpace()
    } while skip(UInt8(ascii: ","))
    guard skip(UInt8(ascii: "}")) else { throw error("neither a comma nor a closing brace") }
    return .object(JSONObject(entries: entries))
  }

  private mutating func parseArray() throws(FormatError) -> JSONValue {
    var values: [JSONValue] = []
    skipSpace()
    if skip(UInt8(ascii: "]")) { return .array(values) }
    repeat {
      values.append(try parseValue())
      skipSpace()
    } while skip(UInt8(ascii: ","))
    guard skip(UInt8(ascii: "]")) else { throw error("neither a comma nor a closing bracket") }
    return .array(values)
  }

  private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(FormatError) -> JSONValue {
    let expected = Array(text.description.utf8)
    guard bytes.count - position >= expected.count,
      bytes[position..<(position + expected.count)].elementsEqual(expected)
    else { throw error("an unexpected word") }
    position += expected.count
    return value
  }

  private mutating func nonFinite(_ text: StaticString, _ value: Double) throws(FormatError) -> JSONValue {
    guard options.allowsNonFinite else { throw error("\(text), which JSON does not have") }
    return try literal(text, .number(value))
  }

  private mutating func parseNumber() throws(FormatError) -> JSONValue {
    let start = position
    let isNegative = skip(UInt8(ascii: "-"))
    // Negative numbers are summed as such, so that the least Int64 is one.
    var integer: Int64? = 0
    let firstDigit = position
    while let digit = digitValue() {
      if let value = integer {
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, sumOverflow) =
          isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
        integer = overflow || sumOverflow ? nil : sum
      }
      position += 1
    }
    guard position > firstDigit else { throw error("a number without digits") }
    guard position == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
      throw error("a number with a leading zero")
    }
    var isIntegral = true
    if skip(UInt8(ascii: ".")) {
      isIntegral = false
      try skipDigits()
    }
    if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
      isIntegral = false
      if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
      try skipDigits()
    }
    if isIntegral, let integer { return .integer(integer) }
    guard let number = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
      throw error("a number that cannot be read")
    }
    return .number(number)
  }

  private func digitValue() -> Int64? {
    guard position < bytes.count, bytes[position] >= UInt8(ascii: "0"), bytes[position] <= UInt8(ascii: "9") else {
      return nil
    }
    return Int64(bytes[position] - UInt8(ascii: "0"))
  }

  private mutating func skipDigits() throws(FormatError) {
    guard digitValue() != nil else { throw error("a number without digits") }
    while digitValue() != nil { position += 1 }
  }

  // MARK: strings

  private mutating func parseString() throws(FormatError) -> JSONString {
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let string = JSONString(bytes: Array(bytes[start..<position]))
        position += 1
        return string
      case UInt8(ascii: "\\"): return try parseEscapedString(from: start)
      case 0..<0x20: throw error("a control character in a string")
      default: position += 1
      }
    }
    throw error("the end of the text inside a string")
  }

  private mutating func parseEscapedString(from start: Int) throws(FormatError) -> JSONString {
    var result = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return JSONString(bytes: result)
      case UInt8(ascii: "\\"): result.append(contentsOf: try parseEscape())
      case 0..<0x20: throw error("a control character in a string")
      default:
        result.append(byte)
        position += 1
      }
    }
    throw error("the end of the text inside a string")
  }

  private mutating func parseEscape() throws(FormatError) -> [UInt8] {
    guard position + 1 < bytes.count else { throw error("the end of the text inside a string") }
    let escape = bytes[position + 1]
    let plain: UInt8? =
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): escape
      case UInt8(ascii: "b"): 8
      case UInt8(ascii: "f"): 12
      case UInt8(ascii: "n"): 10
      case UInt8(ascii: "r"): 13
      case UInt8(ascii: "t"): 9
      default: nil
      }
    if let plain {
      position += 2
      return [plain]
    }
    guard escape == UInt8(ascii: "u"), let first = codeUnit(at: position) else { throw error("an unknown escape") }
    position += 6
    if first & 0xFC00 == 0xD800, let second = codeUnit(at: position), second & 0xFC00 == 0xDC00 {
      position += 6
      let scalar = 0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF))
      return Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    }
    // Half of a surrogate pair is no character.
    return Array(String(Unicode.Scalar(first) ?? "\u{FFFD}").utf8)
  }

  /// The number of the escape `\uXXXX` at `start`, if there is one.
  private func codeUnit(at start: Int) -> UInt16? {
    guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u") else {
      return nil
    }
    var unit: UInt16 = 0
    for byte in bytes[(start + 2)..<(start + 6)] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  // MARK: the small print

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func skip(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  private func error(_ found: String) -> FormatError {
    let before = bytes[..<position]
    let line = before.count { $0 == 0x0A } + 1
    let column = position - (before.lastIndex(of: 0x0A) ?? -1)
    return FormatError(
      .malformed, file: file, offset: position, "is not valid JSON in line \(line), column \(column)", found: found,
      remedy: "If the file was downloaded, fetch it again; if it was edited, mend it there.")
  }
}
