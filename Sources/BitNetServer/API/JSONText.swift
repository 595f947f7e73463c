import ModelFormats

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
  static func quoted(_ text: String) -> String { JSONValue.string(JSONString(text)).line }
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
