/// A key of a dictionary: equal as Python has it (`1`, `1.0` and `true` are one key), strings by their bytes.
enum JinjaKey: Hashable {
  case none
  case integer(Int)
  case float(Double)
  case string([UInt8])

  /// Nil for a value that cannot be a key.
  init?(_ value: JinjaValue) {
    switch value {
    case .none: self = .none
    case .string(let text), .markup(let text): self = .string(Array(text.utf8))
    case .float(let number): self = Int(exactly: number).map(JinjaKey.integer) ?? .float(number)
    case .boolean, .integer:
      guard let integer = value.integer else { return nil }
      self = .integer(integer)
    default: return nil
    }
  }

  init(_ text: String) { self = .string(Array(text.utf8)) }
}

/// A mapping that keeps the order in which its keys came.
final class JinjaDictionary {
  private(set) var keys: [JinjaValue] = []
  private(set) var values: [JinjaValue] = []
  private var places: [JinjaKey: Int] = [:]

  init() {}

  var count: Int { keys.count }
  var isEmpty: Bool { keys.isEmpty }

  func value(for key: JinjaKey) -> JinjaValue? { places[key].map { values[$0] } }

  func set(_ value: JinjaValue, for key: JinjaKey, named name: JinjaValue) {
    if let place = places[key] {
      values[place] = value
    } else {
      places[key] = keys.count
      keys.append(name)
      values.append(value)
    }
  }

  func set(_ value: JinjaValue, for name: String) { set(value, for: JinjaKey(name), named: .string(name)) }

  func remove(_ key: JinjaKey) -> JinjaValue? {
    guard let place = places.removeValue(forKey: key) else { return nil }
    keys.remove(at: place)
    let value = values.remove(at: place)
    for (other, index) in places where index > place { places[other] = index - 1 }
    return value
  }

  func clear() {
    keys = []
    values = []
    places = [:]
  }
}
