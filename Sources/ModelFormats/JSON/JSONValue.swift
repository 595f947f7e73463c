/// A JSON value. Objects keep the order of their entries, and strings their bytes.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// A number written without fraction or exponent that fits.
  case integer(Int64)
  /// Any other number.
  case number(Double)
  case string(JSONString)
  case array([JSONValue])
  case object(JSONObject)

  /// What the value is, for messages.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): "\(value)"
    case .string(let value): "\"\(printable(value.string))\""
    case .array(let values): "an array of \(values.count)"
    case .object: "an object"
    }
  }
}

/// A string of a JSON text as its UTF-8 bytes, which are what equality and hashing look at: Swift's strings are equal
/// when they look alike, and a vocabulary must keep apart what only looks alike.
package struct JSONString: Sendable, Hashable, ExpressibleByStringLiteral {
  /// Valid UTF-8.
  package let bytes: [UInt8]

  package init(bytes: [UInt8]) { self.bytes = bytes }
  package init(_ string: String) { bytes = Array(string.utf8) }
  package init(stringLiteral value: String) { self.init(value) }

  package var string: String { String(decoding: bytes, as: UTF8.self) }
}

/// The entries of a JSON object in their order.
package struct JSONObject: Sendable {
  package let entries: [(key: JSONString, value: JSONValue)]

  package init(entries: [(key: JSONString, value: JSONValue)]) { self.entries = entries }

  /// The value of a key; of the last one where it occurs again, as Python's reader has it.
  ///
  /// - Complexity: linear. For many look-ups in a large object build a dictionary of the entries.
  package subscript(key: String) -> JSONValue? {
    let bytes = Array(key.utf8)
    return entries.last { $0.key.bytes == bytes }?.value
  }
}
