#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// JSON as this server writes it: one line, keys sorted.
enum JSONText {
  /// - Throws: `EncodingError`, for numbers that are not finite.
  static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
  }

  /// A text as a JSON string.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20: result += "\\u" + String(scalar.value + 0x10000, radix: 16).suffix(4)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// An optional that is written as `null` where it is absent: clients look for some members even then.
@propertyWrapper
struct WritesNull<Value: Encodable & Sendable>: Encodable, Sendable {
  var wrappedValue: Value?

  // Also what a memberwise initializer of a type with such a member takes.
  // swift-format-ignore: UseSynthesizedInitializer
  init(wrappedValue value: Value?) { wrappedValue = value }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}
