extension RunLog {
  /// The log within a `trainer_state.json`: an array of objects, each with its step and numbers, some of them in objects
  /// of their own, whose names are then joined by a slash. What else the file holds counts as the configuration.
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
    config = JSONObject(entries: object.entries.filter { !logs.contains($0.key.string) })
  }

  private mutating func append(_ value: JSONValue, named name: String, step: Int, depth: Int) {
    if let number = value.double { append(name, step: step, number) }
    guard case .object(let object) = value, depth > 0 else { return }
    for (key, value) in object.entries { append(value, named: "\(name)/\(key.string)", step: step, depth: depth - 1) }
  }
}

extension JSONValue {
  /// The value of a number; `nil` for anything else.
  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}
