import Foundation
import ModelFormats
import TestSupport
import Testing

/// A schema with texts that conform and texts that do not: `Tests/Golden/make_schema_golden.py`.
struct SchemaCase: Sendable, CustomTestStringConvertible {
  let name: String
  let schema: JSONValue
  let good: [[UInt8]]
  /// Texts, and the offset of the byte that must be refused; at the end, that the text must not end.
  let bad: [(text: [UInt8], at: Int)]

  var testDescription: String { name }

  static let all: [SchemaCase] = (try? load()) ?? []

  private static func load() throws -> [SchemaCase] {
    let root = try JSONParser.parse(path: TestFiles.goldenPath("schemas.json"))
    return try root.array().map { node in
      SchemaCase(
        name: try node.required("name", try node.string("name")),
        schema: try #require(try node.object()["schema"]),
        good: try #require(try node.strings("good")).map { Array($0.utf8) },
        bad: try #require(try node.array("bad")).map {
          (Array(try #require(try $0.string("text")).utf8), try #require(try $0.integer("at")))
        })
    }
  }
}
