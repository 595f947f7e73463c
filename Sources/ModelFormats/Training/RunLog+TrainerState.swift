import Kernels

extension RunLog {
  /// The log within a `trainer_state.json`: an array of objects, each with its step and numbers, some of them in objects
  /// of their own, whose names are then joined by a slash. What else the file holds counts as the configuration; first
  /// what it calls so, where keys may be paths with dots and values their texts.
  package init(trainerState node: JSONNode) {
    self.init(file: node.file)
    guard case .object(let object) = node.value else { return }
    let logs = ["log_history", "loss_history"]
    for name in logs {
      guard case .array(let entries)? = object[name] else { continue }
      for case .object(let entry) in entries {
        guard let step = entry["step"]?.double.flatMap(Int.init(exactly:)) else { continue }
        for (key, value) in entry.entries where key != "step" {
          append(value, named: key.string, step: step, depth: 4)
        }
      }
    }
    let own: JSONObject? = if case .object(let nested)? = object["configuration"] { nested.unfolded } else { nil }
    let others = object.entries.filter { !logs.contains($0.key.string) && $0.key.string != "configuration" }
    // Of a key that occurs again the last one counts.
    config = JSONObject(entries: others + (own?.entries ?? []))
  }

  /// A log of one JSON object a line, as the trainer here writes `log.jsonl`; a line that is not whole yet is left out.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read.
  package init(jsonLines path: String) throws(FormatError) {
    self.init(file: path)
    let bytes = try MappedFile(path: path).bytes
    for line in bytes.array(0..<min(bytes.count, RunLog.maximumBytes)).split(separator: UInt8(ascii: "\n")) {
      guard
        case .object(let entry)? = try? JSONParser.parse(Array(line), file: path, options: .init(allowsNonFinite: true)),
        let step = entry["step"]?.double.flatMap(Int.init(exactly:))
      else { continue }
      let prefix = if case .string("eval")? = entry["kind"] { "eval/" } else { "" }
      for (key, value) in entry.entries where key != "step" {
        append(value, named: prefix + key.string, step: step, depth: 4)
      }
    }
  }

  private static let maximumBytes = 256 << 20

  private mutating func append(_ value: JSONValue, named name: String, step: Int, depth: Int) {
    if let number = value.double { append(name, step: step, number) }
    guard case .object(let object) = value, depth > 0 else { return }
    for (key, value) in object.entries { append(value, named: "\(name)/\(key.string)", step: step, depth: depth - 1) }
  }
}

extension JSONObject {
  private static let maximumParts = 16

  /// The object with `a.b: "1"` as `a: {b: 1}`; numbers for keys make an array.
  fileprivate var unfolded: JSONObject {
    var tree = Branch()
    for (key, value) in entries {
      let parts = key.string.split(separator: ".").map(String.init)
      guard !parts.isEmpty, parts.count <= JSONObject.maximumParts else { continue }
      tree.insert(parts[...], JSONObject.parsed(value))
    }
    return tree.object
  }

  /// The value that a text spells, as far as JSON knows it.
  private static func parsed(_ value: JSONValue) -> JSONValue {
    guard case .string(let text) = value else { return value }
    return (try? JSONParser.parse(text.bytes, file: "")) ?? value
  }

  private struct Branch {
    var names: [String] = []
    var leaves: [String: JSONValue] = [:]
    var branches: [String: Branch] = [:]

    mutating func insert(_ path: ArraySlice<String>, _ value: JSONValue) {
      guard let name = path.first else { return }
      if leaves[name] == nil, branches[name] == nil { names.append(name) }
      if path.count == 1 {
        leaves[name] = value
      } else {
        branches[name, default: Branch()].insert(path.dropFirst(), value)
      }
    }

    var object: JSONObject {
      JSONObject(entries: names.map { (JSONString($0), branches[$0]?.value ?? leaves[$0] ?? .null) })
    }

    private var value: JSONValue {
      let numbered = names.compactMap { name in Int(name).map { ($0, name) } }
      guard numbered.count == names.count else { return .object(object) }
      let sorted = numbered.sorted { $0.0 < $1.0 }.map(\.1)
      return .array(sorted.map { branches[$0]?.value ?? leaves[$0] ?? .null })
    }
  }
}

extension JSONValue {
  /// The value of a number, or of the text that some write for what is none; `nil` for anything else.
  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    case .string("NaN"): .nan
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    default: nil
    }
  }
}
