import Kernels
import ModelFormats
import Yams

extension RunLog {
  /// Settings are small; and a file can name a part of itself many times, and so become endless.
  private static let maximumBytes = 4 << 20
  private static let maximumValues = 100_000

  /// The settings of a run in YAML: Lightning's `hparams.yaml`, or W&B's `config.yaml`, where each is the entry `value` of an
  /// object. Tags such as `!!python/object` are not followed.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read or is no mapping in YAML.
  init(settings path: String) throws(FormatError) {
    self.init(file: path)
    let bytes = try MappedFile(path: path).bytes
    guard bytes.count <= RunLog.maximumBytes else {
      throw FormatError(
        .tooLarge, file: path, "is too large for settings", found: "\(grouped(bytes.count)) bytes",
        expected: "at most \(grouped(RunLog.maximumBytes))")
    }
    let node: Node?
    do {
      node = try Yams.compose(yaml: String(decoding: bytes.array(0..<bytes.count), as: UTF8.self))
    } catch {
      throw FormatError(.malformed, file: path, "is not YAML: \(printable("\(error)"))")
    }
    var left = RunLog.maximumValues
    guard let node, case .object(let object)? = RunLog.value(node, left: &left) else {
      throw FormatError(
        .malformed, file: path, "holds no settings by name, or more than \(grouped(RunLog.maximumValues))")
    }
    config = JSONObject(entries: object.entries.compactMap(RunLog.withoutWrapper))
  }

  /// `nil` once there are too many values.
  private static func value(_ node: Node, left: inout Int) -> JSONValue? {
    left -= 1
    guard left > 0 else { return nil }
    switch node {
    case .scalar(let scalar):
      guard scalar.style == .plain else { return .string(JSONString(scalar.string)) }
      if ["", "~", "null", "Null", "NULL"].contains(scalar.string) { return .null }
      if let number = node.int { return .integer(Int64(number)) }
      if let number = node.float { return .number(number) }
      if let flag = node.bool { return .bool(flag) }
      return .string(JSONString(scalar.string))
    case .sequence(let sequence):
      var items: [JSONValue] = []
      for item in sequence {
        guard let item = value(item, left: &left) else { return nil }
        items.append(item)
      }
      return .array(items)
    case .mapping(let mapping):
      var entries: [(key: JSONString, value: JSONValue)] = []
      for (key, item) in mapping {
        guard let item = value(item, left: &left) else { return nil }
        if let name = key.scalar?.string { entries.append((JSONString(name), item)) }
      }
      return .object(JSONObject(entries: entries))
    case .alias: return .null
    }
  }

  private static func withoutWrapper(
    _ entry: (key: JSONString, value: JSONValue)
  ) -> (key: JSONString, value: JSONValue)? {
    guard case .object(let object) = entry.value, let value = object["value"],
      object.entries.allSatisfy({ ["value", "desc"].contains($0.key.string) })
    else { return entry }
    // What W&B notes about itself.
    return entry.key.string == "_wandb" ? nil : (entry.key, value)
  }
}
