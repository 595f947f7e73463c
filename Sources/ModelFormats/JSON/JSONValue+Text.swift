extension JSONValue {
  /// The value as JSON text, two spaces to a level, as Python's `json.dumps(indent=2)` writes it.
  package func text(indent: Int = 0) -> [UInt8] {
    var output: [UInt8] = []
    write(to: &output, indent: indent)
    return output
  }

  /// The value as JSON text on one line, as Python's `json.dumps` writes it.
  package var line: String {
    var output: [UInt8] = []
    write(to: &output, indent: nil)
    return String(decoding: output, as: UTF8.self)
  }

  private func write(to output: inout [UInt8], indent: Int?) {
    switch self {
    case .null: output += "null".utf8
    case .bool(let value): output += "\(value)".utf8
    case .integer(let value): output += "\(value)".utf8
    case .number(let value):
      output += (value.isFinite ? "\(value)" : value.isNaN ? "NaN" : value > 0 ? "Infinity" : "-Infinity").utf8
    case .string(let string): JSONValue.write(string.bytes, to: &output)
    case .array(let values):
      JSONValue.list(values.count, "[", "]", indent, to: &output) {
        values[$0].write(to: &$1, indent: indent.map { $0 + 1 })
      }
    case .object(let object):
      JSONValue.list(object.entries.count, "{", "}", indent, to: &output) { index, output in
        JSONValue.write(object.entries[index].key.bytes, to: &output)
        output += ": ".utf8
        object.entries[index].value.write(to: &output, indent: indent.map { $0 + 1 })
      }
    }
  }

  private static func list(
    _ count: Int, _ open: String, _ close: String, _ indent: Int?, to output: inout [UInt8],
    _ element: (Int, inout [UInt8]) -> Void
  ) {
    output += open.utf8
    for index in 0..<count {
      if index > 0 { output += (indent == nil ? ", " : ",").utf8 }
      if let indent { output += "\n".utf8 + Array(repeating: UInt8(ascii: " "), count: 2 * (indent + 1)) }
      element(index, &output)
    }
    if count > 0, let indent {
      output.append(UInt8(ascii: "\n"))
      output += Array(repeating: UInt8(ascii: " "), count: 2 * indent)
    }
    output += close.utf8
  }

  private static func write(_ string: [UInt8], to output: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    output.append(UInt8(ascii: "\""))
    for byte in string {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
      case 0x0A: output += "\\n".utf8
      case 0..<0x20: output += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}

extension JSONObject {
  /// The same object with a value set in its place, or at the end; removed if `nil`.
  package func setting(_ key: String, to value: JSONValue?) -> JSONObject {
    let name = JSONString(key)
    var entries = entries
    if let index = entries.firstIndex(where: { $0.key == name }) {
      if let value { entries[index].value = value } else { entries.remove(at: index) }
    } else if let value {
      entries.append((name, value))
    }
    return JSONObject(entries: entries)
  }

  /// The entries of these keys alone.
  package func keeping(_ keys: [String]) -> JSONObject {
    JSONObject(entries: entries.filter { entry in keys.contains { JSONString($0) == entry.key } })
  }
}
