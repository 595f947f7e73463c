import Foundation
import Tokenization

/// What Tests/Golden/make_chat_template_golden.py wrote: outputs of Python's jinja2.
enum JinjaGolden {
  /// The outcome of one rendering in Python.
  struct Outcome: Decodable, Sendable {
    let text: String?
    let hash: String?
    let raised: String?
    let error: String?
  }

  struct Feature: Decodable, Sendable, CustomStringConvertible {
    let template: String
    let text: String?
    let raised: String?
    let error: String?

    var description: String { template }
  }

  struct Features: Decodable, Sendable {
    let context: Tagged
    let templates: [Feature]
  }

  struct Real: Decodable, Sendable {
    let conversations: [String: Tagged]
    let inline: [String: String]
    let named: [String: [String: Outcome]]
    let folder: [String: [String: Outcome]]
  }

  /// A value with its type spelt out and its members in order.
  struct Tagged: Decodable, Sendable {
    struct Member: Decodable, Sendable {
      let k: String
      let v: Tagged
    }

    let o: [Member]?
    let a: [Tagged]?
    let f: Double?
    let b: Bool?
    let i: Int?
    let s: String?

    var value: ChatTemplateValue {
      if let o { return .object(o.map { .init(name: $0.k, value: $0.v.value) }) }
      if let a { return .array(a.map(\.value)) }
      if let f { return .number(f) }
      if let b { return .boolean(b) }
      if let i { return .integer(i) }
      return s.map { .string($0) } ?? .null
    }

    var variables: [(name: String, value: ChatTemplateValue)] { (o ?? []).map { ($0.k, $0.v.value) } }
  }

  static func load<Content: Decodable>(_ name: String, as type: Content.Type) throws -> Content {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let url = folder.appendingPathComponent("Golden").appendingPathComponent(name)
    return try JSONDecoder().decode(type, from: Data(contentsOf: url))
  }

  static let features = Result { try load("chat_template_features.json", as: Features.self) }
  static let real = Result { try load("chat_template_real.json", as: Real.self) }

  /// The moment at which the golden outputs were made.
  static let clock = JinjaClock(year: 2026, month: 2, day: 3, hour: 16, minute: 5, second: 9)

  /// Where scripts/fetch-vocabularies puts the templates that come with llama.cpp.
  static let templates: URL = {
    let cache = ProcessInfo.processInfo.environment["BITNET_CACHE"] ?? NSHomeDirectory() + "/.cache/bitnet"
    return URL(fileURLWithPath: cache).appendingPathComponent("templates")
  }()

  static let hasTemplates = FileManager.default.fileExists(
    atPath: templates.appendingPathComponent("Qwen-Qwen3-0.6B.jinja").path)

  static func source(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: templates.appendingPathComponent(name + ".jinja")), as: UTF8.self)
  }

  static func hash(_ text: String) -> String {
    let value = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
