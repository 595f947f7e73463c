import ModelFormats

/// The regular parts of JSON.
enum JSONLanguages {
  /// A string, quotes included, with every escape that JSON has.
  static let string = quoted(.repeated(ScalarText.regular(.all, .any), atLeast: 0, atMost: nil))

  /// A string that is written in one way only.
  static let key = quoted(.repeated(ScalarText.regular(.all, .unique), atLeast: 0, atMost: nil))

  static func quoted(_ contents: Regular) -> Regular { .sequence([.text("\""), contents, .text("\"")]) }

  /// A given string, as `json.dumps` may write it.
  static func string(_ string: JSONString) -> Regular {
    quoted(
      .sequence(
        string.string.unicodeScalars.map { ScalarText.regular(ScalarSet([$0.value...$0.value]), .asWritten) }))
  }

  /// The bytes of a key as ``key`` has it, without quotes.
  static func uniqueSpelling(_ string: JSONString) -> [UInt8] {
    let hexadecimal = Array("0123456789abcdef".utf8)
    return string.bytes.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): [UInt8(ascii: "\\"), byte]
      case 0x08: Array("\\b".utf8)
      case 0x09: Array("\\t".utf8)
      case 0x0A: Array("\\n".utf8)
      case 0x0C: Array("\\f".utf8)
      case 0x0D: Array("\\r".utf8)
      case 0..<0x20: Array("\\u00".utf8) + [hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
      default: [byte]
      }
    }
  }

  /// A given value, as `json.dumps` may write it.
  static func value(_ value: JSONValue) -> Regular {
    switch value {
    case .null: return .text("null")
    case .bool(let value): return .text("\(value)")
    case .integer(let value): return .text("\(value)")
    case .number(let value): return .text("\(value)")
    case .string(let string): return self.string(string)
    case .array(let values): return list("[", values.map { self.value($0) }, "]")
    case .object(let object):
      return list(
        "{",
        object.entries.map {
          .sequence([self.string($0.key), .text(":"), .optional(.text(" ")), self.value($0.value)])
        },
        "}")
    }
  }

  private static func list(_ open: String, _ parts: [Regular], _ close: String) -> Regular {
    var result = [Regular.text(open)]
    for (index, part) in parts.enumerated() {
      if index > 0 { result += [.text(","), .optional(.text(" "))] }
      result.append(part)
    }
    return .sequence(result + [.text(close)])
  }
}
