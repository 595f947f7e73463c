import Testing
import Tokenization

struct SplitPatternTests {
  /// The scalars that an expression matches, found in one text that holds all of them.
  private func matched(_ expression: String) throws -> Set<Unicode.Scalar> {
    let text = Array(String(String.UnicodeScalarView(allScalars)).utf8)
    // Removed matches leave gaps between the pieces.
    let pieces = try SplitPattern(expression).split(text, [0..<text.count], .removed)
    var rest = Set<Unicode.Scalar>()
    for piece in pieces { rest.formUnion(String(decoding: text[piece], as: UTF8.self).unicodeScalars) }
    return Set(allScalars).subtracting(rest)
  }

  private let allScalars: [Unicode.Scalar] = (UInt32(0)...0x10FFFF).compactMap(Unicode.Scalar.init)

  @Test(arguments: [#"\s"#, #"[\s]"#, #"[^\S]"#])
  func `white space is Unicode's White_Space`(expression: String) throws {
    let expected = Set(allScalars.filter(\.properties.isWhitespace))
    #expect(try matched(expression) == expected)
  }

  @Test(arguments: [#"\S"#, #"[\S]"#, #"[^\s]"#])
  func `everything else is not white space`(expression: String) throws {
    let expected = Set(allScalars.filter { !$0.properties.isWhitespace })
    #expect(try matched(expression) == expected)
  }

  /// PCRE2 and Swift carry different versions of Unicode, so only what both know is compared.
  @Test func `letters and numbers are general categories`() throws {
    let letters = try matched(#"\p{L}"#)
    let numbers = try matched(#"\p{N}"#)
    for scalar in allScalars {
      guard let age = scalar.properties.age, age.major <= 13 else { continue }
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
        #expect(letters.contains(scalar) && !numbers.contains(scalar))
      case .decimalNumber, .letterNumber, .otherNumber:
        #expect(numbers.contains(scalar) && !letters.contains(scalar))
      default:
        #expect(!numbers.contains(scalar) && !letters.contains(scalar))
      }
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
