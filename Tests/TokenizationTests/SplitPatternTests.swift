import Testing
import Tokenization

struct SplitPatternTests {
  /// All scalars that Unicode 13 knows. PCRE2 and Swift carry different later versions, so only those are compared.
  private static let scalars = (UInt32(0)...0x10FFFF).compactMap(Unicode.Scalar.init)
    .filter { ($0.properties.age?.major ?? 99) <= 13 }

  private func text(_ scalars: [Unicode.Scalar]) -> [UInt8] { Array(String(String.UnicodeScalarView(scalars)).utf8) }

  /// What is left of a text of all scalars when an expression's matches are removed.
  private func remainder(_ expression: String) throws -> [UInt8] {
    let text = text(Self.scalars)
    return try SplitPattern(expression).split(text, [0..<text.count], .removed).flatMap { text[$0] }
  }

  @Test(arguments: [#"\s"#, #"[\s]"#, #"[^\S]"#])
  func `white space is Unicode's White_Space`(expression: String) throws {
    #expect(try remainder(expression) == text(Self.scalars.filter { !$0.properties.isWhitespace }))
  }

  @Test(arguments: [#"\S"#, #"[\S]"#, #"[^\s]"#])
  func `everything else is not white space`(expression: String) throws {
    #expect(try remainder(expression) == text(Self.scalars.filter(\.properties.isWhitespace)))
  }

  @Test func `letters and numbers are general categories`() throws {
    let letters: Set<Unicode.GeneralCategory> = [
      .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
    ]
    let numbers: Set<Unicode.GeneralCategory> = [.decimalNumber, .letterNumber, .otherNumber]
    for (expression, categories) in [(#"\p{L}"#, letters), (#"\p{N}"#, numbers)] {
      let others = Self.scalars.filter { !categories.contains($0.properties.generalCategory) }
      #expect(try remainder(expression) == text(others))
    }
  }

  @Test(arguments: [
    (SplitBehavior.isolated, false, ["a", "-", "-", "b"]), (.removed, false, ["a", "b"]),
    (.mergedWithPrevious, false, ["a-", "-", "b"]), (.mergedWithNext, false, ["a", "-", "-b"]),
    (.contiguous, false, ["a", "--", "b"]), (.removed, true, ["-", "-"]),
  ])
  func `a match goes where the behaviour says`(behavior: SplitBehavior, inverted: Bool, expected: [String]) throws {
    let text = Array("a--b".utf8)
    let pieces = try SplitPattern("-").split(text, [0..<4], behavior, inverted: inverted)
    #expect(pieces.map { String(decoding: text[$0], as: UTF8.self) } == expected)
  }

  @Test func `a lookahead sees the current piece only`() throws {
    let text = Array("  x".utf8)
    let pattern = try SplitPattern(#"\s+(?!\S)"#)
    #expect(pattern.split(text, [0..<3], .isolated) == [0..<1, 1..<3])
    #expect(pattern.split(text, [0..<2, 2..<3], .isolated) == [0..<2, 2..<3])
  }

  @Test func `empty matches cut nothing and end`() throws {
    let text = Array("é日a".utf8)
    #expect(try SplitPattern("x*").split(text, [0..<text.count], .isolated) == [0..<text.count])
  }

  @Test func `an expression that backtracks for long still splits a long text`() throws {
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 200_000) + Array("c".utf8)
    let pieces = try SplitPattern("(?:a|b)*c").split(text, [0..<text.count], .isolated)
    #expect(pieces == [0..<text.count])
  }

  @Test(arguments: ["(", "[a", #"[\w&&[^\d]]"#, "[a[b]]", "*a"])
  func `expressions that cannot be read as meant are refused`(expression: String) {
    #expect(throws: SplitPattern.CompileError.self) { try SplitPattern(expression) }
  }

  @Test func `literals are not expressions`() throws {
    let text = Array("a.b[".utf8)
    #expect(try SplitPattern(".", isLiteral: true).split(text, [0..<4], .removed) == [0..<1, 2..<4])
    #expect(try SplitPattern("[", isLiteral: true).split(text, [0..<4], .removed) == [0..<3])
  }
}
