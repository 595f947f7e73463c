import ModelFormats

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConfigurationSection.Kind where Value == Int {
  /// A whole number, which may be written as `10e9` or `1_000`.
  static func integer(_ range: ClosedRange<Int>) -> Self {
    let allowed =
      range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
    return .init(
      allowed: "a whole number \(allowed)",
      parse: { node in
        guard let digits = node.numberText else { return nil }
        guard let number = Int(digits) ?? Double(digits).flatMap({ Int(exactly: $0) }) else { return nil }
        return range.contains(number) ? number : nil
      }, text: { "\($0)" })
  }
}

extension ConfigurationSection.Kind where Value == Double {
  /// A finite number.
  static func number(_ range: ClosedRange<Double>) -> Self {
    let bounds = [range.lowerBound, range.upperBound].map { Int(exactly: $0).map { "\($0)" } ?? "\($0)" }
    let allowed = range.upperBound == .infinity ? "of at least \(bounds[0])" : "from \(bounds[0]) to \(bounds[1])"
    return .init(
      allowed: "a number \(allowed)",
      parse: { node in
        guard let number = node.numberText.flatMap({ Double($0) }), number.isFinite else { return nil }
        return range.contains(number) ? number : nil
      }, text: { "\($0)" })
  }
}

extension ConfigurationSection.Kind where Value == Bool {
  /// A switch.
  static var flag: Self {
    .init(
      allowed: "true or false",
      parse: { node in
        guard case .scalar(let text) = node.value else { return nil }
        return switch text.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
      }, text: { "\($0)" })
  }
}

extension ConfigurationSection.Kind where Value == String {
  /// A text that is not empty.
  static var text: Self {
    .init(
      allowed: "a text",
      parse: { node in
        guard case .scalar(let text) = node.value, !text.isEmpty else { return nil }
        return text
      }, text: ConfigurationNode.quoted)
  }
}

extension ConfigurationSection.Kind where Value: RawRepresentable<String> & CaseIterable {
  /// One of the words of a type.
  static func choice(_ type: Value.Type = Value.self) -> Self {
    let words = Value.allCases.map(\.rawValue)
    return .init(
      allowed: "one of \(words.joined(separator: ", "))",
      parse: { node in
        guard case .scalar(let text) = node.value else { return nil }
        return Value(rawValue: text)
      }, text: { $0.rawValue }, words: words)
  }
}

extension ConfigurationSection.Kind {
  /// A list of values.
  static func list<Element>(
    of element: ConfigurationSection.Kind<Element>, count: ClosedRange<Int>
  ) -> Self where Value == [Element] {
    let number = count.lowerBound == count.upperBound ? "\(count.lowerBound) times " : ""
    return .init(
      allowed: "a list: \(number)\(element.allowed)",
      parse: { node in
        // One value is a list of one.
        var items = [node]
        if case .list(let written) = node.value { items = written }
        let values = items.compactMap(element.parse)
        return values.count == items.count && count.contains(values.count) ? values : nil
      }, text: { "[\($0.map(element.text).joined(separator: ", "))]" })
  }
}

extension ConfigurationNode {
  /// A number's digits without the strokes that part thousands.
  fileprivate var numberText: String? {
    guard case .scalar(let text) = value, let first = text.utf8.first else { return nil }
    guard first != UInt8(ascii: "_"), !text.hasPrefix("0x") else { return nil }
    return String(text.filter { $0 != "_" })
  }

  /// A text as YAML: as it is where that can mean nothing else.
  static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"): true
      case UInt8(ascii: "-"): true
      default: false
      }
    }
    let isWord =
      isPlain && text.utf8.contains { $0 >= UInt8(ascii: "A") } && !["null", "~"].contains(text.lowercased())
    if isWord, text.utf8.first != UInt8(ascii: "-") { return text }
    return String(decoding: JSONValue.string(JSONString(text)).text(), as: UTF8.self)
  }
}
