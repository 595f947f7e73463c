package import ModelFormats

/// One JSON object of a request. It remembers which members were asked for, so that what nobody understood can be
/// refused: a parameter that is silently ignored is worse than an error.
package final class RequestObject {
  /// Where it stands in the request, such as `messages[0]`; empty at the top.
  package let path: String
  package let members: JSONObject
  private var known: Set<String> = []

  package init(_ members: JSONObject, path: String = "") {
    self.members = members
    self.path = path
  }

  /// The object that a request's body is.
  ///
  /// - Throws: 400 for anything that is no JSON object.
  package convenience init(parsing body: [UInt8]) throws(APIError) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(body, file: "request body", options: .init(refusesDuplicateKeys: true))
    } catch {
      throw APIError(400, code: "invalid_json", "The \(error.description)")
    }
    guard case .object(let members) = value else {
      throw APIError(400, code: "invalid_json", "The request body is \(value.kind), expected a JSON object.")
    }
    self.init(members)
  }

  /// The path of a member.
  package func path(of name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// A member; `nil` if it is absent or null.
  package func value(_ name: String) -> JSONValue? {
    known.insert(name)
    guard let value = members[name] else { return nil }
    if case .null = value { return nil }
    return value
  }

  package func string(_ name: String) throws(APIError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw wrongType(name, value, "a string") }
    return text.string
  }

  package func bool(_ name: String) throws(APIError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .bool(let flag) = value else { throw wrongType(name, value, "true or false") }
    return flag
  }

  package func integer(_ name: String, in range: ClosedRange<Int> = .min ... .max) throws(APIError) -> Int? {
    guard let value = value(name) else { return nil }
    guard let integer = value.exactInteger else { throw wrongType(name, value, "an integer") }
    guard range.contains(integer) else {
      throw .invalid(path(of: name), "\(integer) is out of range, expected \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  package func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
    guard let value = value(name) else { return nil }
    guard let number = value.double else { throw wrongType(name, value, "a number") }
    guard range.contains(number) else {
      throw .invalid(path(of: name), "\(number) is out of range, expected \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  package func object(_ name: String) throws(APIError) -> RequestObject? {
    guard let value = value(name) else { return nil }
    guard case .object(let members) = value else { throw wrongType(name, value, "an object") }
    return RequestObject(members, path: path(of: name))
  }

  package func array(_ name: String) throws(APIError) -> [JSONValue]? {
    guard let value = value(name) else { return nil }
    guard case .array(let values) = value else { throw wrongType(name, value, "an array") }
    return values
  }

  package func objects(_ name: String) throws(APIError) -> [RequestObject]? {
    guard let values = try array(name) else { return nil }
    var result: [RequestObject] = []
    for (index, value) in values.enumerated() {
      guard case .object(let members) = value else { throw wrongType("\(name)[\(index)]", value, "an object") }
      result.append(RequestObject(members, path: path(of: "\(name)[\(index)]")))
    }
    return result
  }

  /// Names members that change nothing here.
  package func accept(_ names: String...) { known.formUnion(names) }

  /// Refuses members that nobody asked for.
  ///
  /// - Throws: 400 that names the first, and the known name that it resembles.
  package func refuseUnknown() throws(APIError) {
    for (key, value) in members.entries where !known.contains(key.string) {
      if case .null = value { continue }
      let near = Suggestion.nearest(to: key.string, of: known).map { "; did you mean '\($0)'?" } ?? ""
      throw APIError(
        400, code: "unknown_parameter", parameter: path(of: key.string),
        "Unknown parameter: '\(path(of: key.string))' is not supported\(near.isEmpty ? "." : near)")
    }
  }

  package func wrongType(_ name: String, _ found: JSONValue, _ expected: String) -> APIError {
    .invalid(path(of: name), "found \(found.kind.prefix(80)), expected \(expected)", code: "invalid_type")
  }
}

extension JSONValue {
  /// The value as an integer; a number such as `2.0` is one.
  var exactInteger: Int? {
    switch self {
    case .integer(let value): Int(value)
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
