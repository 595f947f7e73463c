import ModelFormats
import TestSupport
import Testing

struct JSONParserTests {
  static func parse(_ text: String, _ options: JSONParser.Options = .init()) throws(FormatError) -> JSONNode {
    JSONNode(try JSONParser.parse(Array(text.utf8), file: "test.json", options: options), file: "test.json")
  }

  @Test func `objects keep their order and values their kinds`() throws {
    let node = try JSONParserTests.parse(#" {"b": [1, -2.5, 1e3, true, false, null], "a": {"c": "x"}} "#)
    #expect(try node.object().entries.map(\.key.string) == ["b", "a"])
    let array = try #require(try node.array("b"))
    #expect(try array[0].integer() == 1)
    #expect(try array[1].number() == -2.5)
    #expect(try array[2].integer() == 1000)
    #expect(try array[3].bool())
    #expect(try !array[4].bool())
    #expect(try node.object("a")?.string("c") == "x")
    #expect(try node.integer("absent") == nil)
  }

  @Test(arguments: [
    ("9223372036854775807", 9_223_372_036_854_775_807 as Int?), ("-9223372036854775808", .min), ("0", 0), ("-0", 0),
    ("9223372036854775808", nil), ("1e400", nil), ("0.5", nil),
  ])
  func `integers are exact to the last of 64 bits`(text: String, value: Int?) throws {
    let node = try JSONParserTests.parse(text)
    #expect((try? node.integer()) == value)
    #expect(try node.number() == (Double(text) ?? .nan))
  }

  @Test(arguments: [
    (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u20AC""#, "A\u{E9}\u{20AC}"),
    (#""\ud83d\ude00!""#, "\u{1F600}!"), (#""\ud83d""#, "\u{FFFD}"), (#""\ude00\ud83dx""#, "\u{FFFD}\u{FFFD}x"),
    (#""\ud83d\n""#, "\u{FFFD}\n"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\u0000""#, "\u{0}"), (#""""#, ""),
    ("\"\u{1F600}\"", "\u{1F600}"),
  ])
  func `escapes stand for their characters, half a surrogate pair for none`(text: String, value: String) throws {
    guard case .string(let string) = try JSONParserTests.parse(text).value else { throw FormatError.unexpected }
    #expect(string.bytes == Array(value.utf8))
  }

  @Test func `keys that only look alike stay apart`() throws {
    let node = try JSONParserTests.parse(
      "{\"\u{E9}\": 1, \"e\u{301}\": 2}", .init(refusesDuplicateKeys: true))
    #expect(try node.integer("\u{E9}") == 1)
    #expect(try node.integer("e\u{301}") == 2)
    #expect(Set(try node.object().entries.map(\.key)).count == 2)
  }

  @Test func `the last of duplicate keys counts unless they are refused`() throws {
    let text = #"{"a": 1, "a": 2}"#
    #expect(try JSONParserTests.parse(text).integer("a") == 2)
    let error = #expect(throws: FormatError.self) {
      try JSONParserTests.parse(text, .init(refusesDuplicateKeys: true))
    }
    #expect(error?.offset == 9)
  }

  @Test func `numbers that Python alone knows are taken on demand`() throws {
    let text = "[NaN, Infinity, -Infinity]"
    #expect(throws: FormatError.self) { try JSONParserTests.parse(text) }
    let values = try JSONParserTests.parse(text, .init(allowsNonFinite: true)).array()
    #expect(try values[0].number().isNaN)
    #expect(try values[1].number() == .infinity)
    #expect(try values[2].number() == -.infinity)
  }

  @Test(arguments: [
    "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "[1 2]",
    "01",
    "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "tru", "nul", "True", "'a'", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"",
    "\"\\u12g4\"", "\"\n\"", "1 1", "[]]", "NaN", "-Infinity", "\u{FEFF}1", "\u{A0}1", "[1]//", "-NaN", "\"\\u+123\"",
  ])
  func `what is not JSON is refused with its place`(text: String) throws {
    let error = try #require(throws: FormatError.self) { try JSONParserTests.parse(text) }
    #expect(error.code == .malformed)
    #expect(error.offset != nil)
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80],
      [0xFF], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func `bytes that are not UTF-8 are refused`(bad: [UInt8]) {
    let quote = [UInt8(ascii: "\"")]
    #expect(throws: FormatError.self) { try JSONParser.parse(quote + bad + quote, file: "test.json") }
  }

  @Test func `nesting ends before the stack does`() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try JSONParserTests.parse(nested(128))
    #expect(throws: FormatError.self) { try JSONParserTests.parse(nested(129)) }
    #expect(throws: FormatError.self) { try JSONParserTests.parse(String(repeating: "{\"a\":", count: 1_000_000)) }
  }

  @Test func `an error names line, column, file and key`() throws {
    let syntax = try #require(throws: FormatError.self) { try JSONParserTests.parse("{\n  \"a\": x\n}") }
    #expect(syntax.description.contains("test.json: is not valid JSON in line 2, column 8"))
    let node = try JSONParserTests.parse(#"{"a": {"b": [1, "x"]}}"#)
    let type = try #require(throws: FormatError.self) { try node.object("a")?.integers("b") }
    #expect(type.description == #"test.json: key a.b[1] has the wrong type: found "x", expected an integer."#)
    #expect(type.subject == .key("a.b[1]"))
  }
}

extension FormatError {
  /// For a test that finds something else than it looks for.
  static let unexpected = FormatError(.malformed, file: "test", "is not what the test expects")
}
