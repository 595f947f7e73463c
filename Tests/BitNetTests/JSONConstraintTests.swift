import BitNet
import Foundation
import ModelFormats
import Synchronization
import TestSupport
import Testing
import Tokenization

/// Whether what is written under a constraint conforms, and whether all that conforms can be written.
struct JSONConstraintTests {
  /// One token a byte.
  private static let bytes = TokenTrie((UInt8.min...UInt8.max).map { [$0] } + [[]], ends: [256])

  /// Tokens that end within characters, escapes and literals, and go on past quotes.
  private static let pieceTexts =
    (UInt8.min...UInt8.max).map { [$0] }
    + [
      "\"", "\":", "\": ", "\",", "\", \"", "\"}", "{\"", "{}", "[]", "},", "}}", "]}", ": ", ", ", "\": \"", ":\"",
      "e\":",
      "null", "true", "false", "al", "se", "12", "345", "0.", "1e", "-1", "\\u", "\\ud83d", "\\n", "\\\"", "00", "20",
      "-0",
      "name", "abc", "the ", "kind", "value", "x\",\"", "\"a\":1,\"a\":", "a\":1", "é", "🙂", "日本", "  ", "\n", "2024-",
      "T12:",
      "\"]", "\"],\"", "1,", "5]", "@", ".org", "next", "children\":[", "lives", "cat\",\"", "red\":",
    ].map { Array($0.utf8) } + [[0xF0, 0x9F], [0x99, 0x82, 0x22], [0xC3], []]

  private static let pieces = TokenTrie(pieceTexts, ends: [pieceTexts.count - 1])

  @Test func `there are schemas`() { #expect(SchemaCase.all.count >= 20) }

  @Test(arguments: SchemaCase.all) func `conforming texts are taken byte by byte`(_ example: SchemaCase) throws {
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: Self.bytes)
    for text in example.good {
      var state = constraint.start()
      for (offset, byte) in text.enumerated() {
        let isAllowed = state.allows(Int(byte)) && state.advance(by: Int(byte))
        try #require(isAllowed, "\(String(decoding: text, as: UTF8.self)) at \(offset)")
      }
      #expect(state.mayEnd && state.allows(256), "\(String(decoding: text, as: UTF8.self))")
    }
  }

  @Test(arguments: SchemaCase.all) func `other texts are refused at the byte that is wrong`(_ example: SchemaCase)
    throws
  {
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: Self.bytes)
    for (text, at) in example.bad {
      var state = constraint.start()
      let refused = text.firstIndex { !state.advance(by: Int($0)) }
      #expect((refused ?? text.count) == at, "\(String(decoding: text, as: UTF8.self))")
      #expect(refused != nil || !state.allows(256))
    }
  }

  @Test(arguments: SchemaCase.all) func `a text cut anywhere is completed`(_ example: SchemaCase) throws {
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: Self.bytes)
    for text in example.good {
      for end in 0...text.count {
        var state = constraint.start()
        let isPrefix = state.advance(byText: Array(text[..<end]))
        try #require(isPrefix)
        let rest = state.forcedCompletion()
        let completed = String(decoding: text[..<end] + rest, as: UTF8.self)
        let isTaken = state.advance(byText: rest)
        #expect(isTaken && state.mayEnd, "\(completed)")
        #expect(throws: Never.self, "\(completed)") {
          try JSONParser.parse(
            Array(completed.utf8), file: "text", options: .init(refusesDuplicateKeys: true))
        }
        #expect(rest.count <= text.count - end, "\(completed)")
      }
    }
  }

  /// The mask, which goes through the tokens all at once, against the tokens one by one.
  @Test(arguments: SchemaCase.all) func `the mask has the tokens that can be read, and no others`(_ example: SchemaCase)
    throws
  {
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: Self.pieces)
    var random = SplitMix(seed: 1)
    for _ in 0..<12 {
      var state = constraint.start()
      for _ in 0..<60 {
        let mask = state.allowedTokens()
        for token in 0..<Self.pieces.vocabularySize {
          var next = state
          let isTaken = next.advance(by: token)
          try #require(isTaken == mask.contains(token), "token \(token)")
        }
        guard let token = mask.tokens.randomElement(using: &random), state.advance(by: token) else { break }
      }
    }
  }

  private static let samples = Mutex<[String]>([])

  /// With BITNET_SAMPLES the texts go to that file, for `make_schema_golden.py --check`.
  @Test(arguments: SchemaCase.all) func `random walks conform`(_ example: SchemaCase) throws {
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: Self.pieces)
    var random = SplitMix(seed: 7)
    var lines: [String] = []
    for _ in 0..<100 {
      let bytes = try Self.walk(constraint, limit: Int.random(in: 0..<80, using: &random), &random) { Self.text($0) }
      lines.append(try Self.line(example, bytes))
    }
    Self.write(lines)
  }

  private static func text(_ token: Int) -> [UInt8] {
    pieces.text(of: token)
  }

  /// Random tokens up to a limit, then the shortest rest.
  static func walk(
    _ constraint: JSONConstraint, limit: Int, _ random: inout SplitMix, text: (Int) -> [UInt8]
  ) throws -> [UInt8] {
    var state = constraint.start()
    var bytes: [UInt8] = []
    for _ in 0..<limit {
      let token = try #require(state.allowedTokens().tokens.randomElement(using: &random), "a dead end")
      let isTaken = state.advance(by: token)
      try #require(isTaken)
      if constraint.tokens.ends.contains(token) { return bytes }
      bytes += text(token)
    }
    return bytes + state.forcedCompletion()
  }

  static func line(_ example: SchemaCase, _ bytes: [UInt8]) throws -> String {
    _ = try JSONParser.parse(bytes, file: "text", options: .init(refusesDuplicateKeys: true))
    let sample = ["schema": example.name, "text": String(decoding: bytes, as: UTF8.self)]
    return String(decoding: try JSONEncoder().encode(sample), as: UTF8.self)
  }

  static func write(_ lines: [String]) {
    guard let path = ProcessInfo.processInfo.environment["BITNET_SAMPLES"] else { return }
    samples.withLock { samples in
      samples += lines
      try? (samples.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }
  }
}
