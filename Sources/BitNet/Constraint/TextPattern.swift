/// Reads the regular part of the patterns of JSON Schema (ECMA 262): classes, quantifiers, groups, alternatives,
/// anchors.
///
/// Where dialects differ (`\d`, `\w`, `\s`, `.` beyond ASCII) the characters are taken on which they agree.
struct TextPattern {
  /// Why a pattern is refused.
  struct Problem: Error {
    let text: String
  }

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var depth = 0

  private static let maximumRepetitions = 1000
  private static let maximumDepth = 64
  private static let digits = ScalarSet([0x30...0x39])
  private static let wordCharacters = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  private static let ascii = ScalarSet([0...0x7F])
  /// Python takes the four between for spaces.
  private static let undisputed = ScalarSet([0...0x1B, 0x20...0x7F])
  private static let spaces = ScalarSet([0x09...0x0D, 0x20...0x20])
  /// What some dialect calls a space.
  private static let allSpaces = ScalarSet([
    0x09...0x0D, 0x1C...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])
  private static let lineEnds = ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x85...0x85, 0x2028...0x2029])

  private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  /// The contents of JSON strings, without quotes, in which the pattern is found.
  static func regular(_ pattern: String) throws(Problem) -> Regular {
    var parser = TextPattern(pattern)
    var alternatives: [Regular] = []
    repeat { alternatives.append(try parser.anchoredAlternative()) } while parser.skip("|")
    guard parser.position == parser.scalars.count else { throw Problem(text: "an unmatched ')'") }
    return .choice(alternatives)
  }

  private static let anything = Regular.repeated(character(.all), atLeast: 0, atMost: nil)

  private static func character(_ set: ScalarSet) -> Regular { ScalarText.regular(set, .asWritten) }

  private mutating func anchoredAlternative() throws(Problem) -> Regular {
    let isAnchoredAtStart = skip("^")
    let body = try sequence()
    let isAnchoredAtEnd = skip("$")
    guard peek == nil || peek == "|" || peek == ")" else { throw Problem(text: "'$' before the end") }
    return .sequence(
      (isAnchoredAtStart ? [] : [Self.anything]) + [body] + (isAnchoredAtEnd ? [] : [Self.anything]))
  }

  private mutating func sequence() throws(Problem) -> Regular {
    var parts: [Regular] = []
    while let next = peek, next != "|", next != ")", next != "$" {
      let atom = try atom()
      parts.append(try quantified(atom))
    }
    return .sequence(parts)
  }

  private mutating func quantified(_ atom: Regular) throws(Problem) -> Regular {
    guard let next = peek else { return atom }
    let result: Regular
    switch next {
    case "*": result = .repeated(atom, atLeast: 0, atMost: nil)
    case "+": result = .repeated(atom, atLeast: 1, atMost: nil)
    case "?": result = .optional(atom)
    case "{": return try counted(atom)
    default: return atom
    }
    position += 1
    return try endOfQuantifier(result)
  }

  private mutating func counted(_ atom: Regular) throws(Problem) -> Regular {
    position += 1
    guard let least = number() else {
      throw Problem(text: "a '{' that begins no quantifier; write '\\{' for the character")
    }
    var most: Int? = least
    if skip(",") { most = number() }
    guard skip("}") else { throw Problem(text: "a quantifier without '}'") }
    guard max(least, most ?? 0) <= Self.maximumRepetitions else {
      throw Problem(text: "a quantifier above \(Self.maximumRepetitions)")
    }
    if let most, most < least { throw Problem(text: "the quantifier {\(least),\(most)}") }
    return try endOfQuantifier(.repeated(atom, atLeast: least, atMost: most))
  }

  /// A lazy quantifier finds other matches, not other texts.
  private mutating func endOfQuantifier(_ result: Regular) throws(Problem) -> Regular {
    _ = skip("?")
    if let next = peek, "*+?{".unicodeScalars.contains(next) { throw Problem(text: "a quantifier after a quantifier") }
    return result
  }

  private mutating func atom() throws(Problem) -> Regular {
    guard let scalar = take() else { return .emptyText }
    switch scalar {
    case "(": return try group()
    case "[": return Self.character(try bracketClass())
    case ".": return Self.character(Self.lineEnds.complement)
    case "\\": return Self.character(try escape())
    case "^": throw Problem(text: "'^' after the beginning")
    case "*", "+", "?", "{": throw Problem(text: "the quantifier '\(scalar)' without something to repeat")
    default: return Self.character(ScalarSet([scalar.value...scalar.value]))
    }
  }

  private mutating func group() throws(Problem) -> Regular {
    depth += 1
    guard depth <= Self.maximumDepth else { throw Problem(text: "more than \(Self.maximumDepth) nested groups") }
    if skip("?"), !skip(":") {
      let isNamed = (skip("P"), skip("<")).1
      guard isNamed, let next = peek, next != "=", next != "!" else {
        throw Problem(text: "a group '(?…' other than '(?:…)', such as a lookaround or a flag")
      }
      while let next = take(), next != ">" {}
    }
    var alternatives: [Regular] = []
    repeat { alternatives.append(try sequence()) } while skip("|")
    if peek == "$" { throw Problem(text: "'$' in a group") }
    guard skip(")") else { throw Problem(text: "a group without ')'") }
    depth -= 1
    return .choice(alternatives)
  }

  private mutating func bracketClass() throws(Problem) -> ScalarSet {
    let isNegated = skip("^")
    var set = ScalarSet([])
    var dependsOnDialect = false
    while let next = peek, next != "]" {
      let (lower, isClass) = try classMember()
      dependsOnDialect = dependsOnDialect || isClass
      guard !isClass, peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
        set = set.union(lower)
        continue
      }
      position += 1
      let (upper, upperIsClass) = try classMember()
      guard !upperIsClass, let first = lower.ranges.first?.lowerBound, let last = upper.ranges.first?.upperBound,
        first <= last
      else { throw Problem(text: "a range that is none in a character class") }
      set = set.union(ScalarSet([first...last]))
    }
    guard skip("]") else { throw Problem(text: "a character class without ']'") }
    guard isNegated else { return set }
    return dependsOnDialect ? set.complement.intersection(Self.undisputed) : set.complement
  }

  private mutating func classMember() throws(Problem) -> (set: ScalarSet, isClass: Bool) {
    guard let scalar = take() else { throw Problem(text: "a character class without ']'") }
    guard scalar == "\\" else { return (ScalarSet([scalar.value...scalar.value]), false) }
    let isClass = peek.map { "dDwWsS".unicodeScalars.contains($0) } ?? false
    if skip("b") { return (ScalarSet([8...8]), false) }
    return (try escape(), isClass)
  }

  private mutating func escape() throws(Problem) -> ScalarSet {
    guard let scalar = take() else { throw Problem(text: "a '\\' at the end") }
    switch scalar {
    case "d": return Self.digits
    case "D": return Self.digits.complement.intersection(Self.ascii)
    case "w": return Self.wordCharacters
    case "W": return Self.wordCharacters.complement.intersection(Self.ascii)
    case "s": return Self.spaces
    case "S": return Self.allSpaces.complement
    case "n": return ScalarSet([0x0A...0x0A])
    case "r": return ScalarSet([0x0D...0x0D])
    case "t": return ScalarSet([0x09...0x09])
    case "f": return ScalarSet([0x0C...0x0C])
    case "v": return ScalarSet([0x0B...0x0B])
    case "x": return try hexadecimal(2)
    case "u": return try hexadecimal(4)
    default:
      guard scalar.isASCII, !scalar.properties.isAlphabetic, !Self.digits.ranges[0].contains(scalar.value) else {
        throw Problem(text: "the escape '\\\(scalar)'")
      }
      return ScalarSet([scalar.value...scalar.value])
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(Problem) -> ScalarSet {
    var text = ""
    for _ in 0..<count { if let digit = take() { text.unicodeScalars.append(digit) } }
    guard text.unicodeScalars.count == count, let value = UInt32(text, radix: 16), Unicode.Scalar(value) != nil else {
      throw Problem(text: "the escape of a character that does not exist")
    }
    return ScalarSet([value...value])
  }

  private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take() -> Unicode.Scalar? {
    guard let next = peek else { return nil }
    position += 1
    return next
  }

  private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    position += 1
    return true
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let next = peek, Self.digits.ranges[0].contains(next.value) {
      value = min((value ?? 0) * 10 + Int(next.value - 0x30), Self.maximumRepetitions + 1)
      position += 1
    }
    return value
  }
}
