/// Expressions, with Jinja's own order of precedence: or, and, not, comparisons, + and -, ~, * / // %, **.
extension JinjaParser {
  /// One expression, or several with commas between them, which make a tuple.
  mutating func parseTuple(withConditional: Bool = true) throws(ChatTemplateError) -> JinjaExpression {
    let line = line
    let first = try parseExpression(withConditional: withConditional)
    guard isSymbol(",") else { return first }
    var elements = [first]
    while skip(symbol: ",") {
      if isTupleEnd { break }
      elements.append(try parseExpression(withConditional: withConditional))
    }
    return JinjaExpression(kind: .list(elements, isTuple: true), line: line)
  }

  private var isTupleEnd: Bool {
    switch current.kind {
    case .variableEnd, .blockEnd, .end, .symbol(")"), .symbol("]"): true
    default: false
    }
  }

  mutating func parseExpression(withConditional: Bool = true) throws(ChatTemplateError) -> JinjaExpression {
    try nested { (parser) throws(ChatTemplateError) in
      var value = try parser.parseBinary(.or)
      while withConditional, parser.isName("if") {
        let line = parser.line
        parser.advance()
        let condition = try parser.parseBinary(.or)
        let otherwise = parser.skip(name: "else") ? try parser.parseExpression() : nil
        // A second "if" without "else" in between nests without recursion; nobody writes that.
        if otherwise == nil, parser.isName("if") { throw parser.failure(expected: "'else'") }
        value = JinjaExpression(kind: .conditional(value, condition: condition, otherwise: otherwise), line: line)
      }
      return value
    }
  }

  /// The levels of precedence, loosest first.
  enum Level: Int {
    case or, and, not, comparison, sum, concatenation, product, power, unary

    var tighter: Level { Level(rawValue: rawValue + 1) ?? .unary }
  }

  /// An expression of operators that bind as tightly as `level` or tighter.
  private mutating func parseBinary(_ level: Level) throws(ChatTemplateError) -> JinjaExpression {
    let line = line
    switch level {
    case .not:
      guard skip(name: "not") else { return try parseBinary(.comparison) }
      let operand = try nested { (parser) throws(ChatTemplateError) in try parser.parseBinary(.not) }
      return JinjaExpression(kind: .not(operand), line: line)
    case .comparison: return try parseComparison()
    case .unary: return try parseUnary()
    case .or, .and, .concatenation:
      var operands = [try parseBinary(level.tighter)]
      while level == .concatenation ? skip(symbol: "~") : skip(name: level == .or ? "or" : "and") {
        operands.append(try parseBinary(level.tighter))
      }
      if operands.count == 1 { return operands[0] }
      switch level {
      case .or: return JinjaExpression(kind: .or(operands), line: line)
      case .and: return JinjaExpression(kind: .and(operands), line: line)
      default: return JinjaExpression(kind: .concatenation(operands), line: line)
      }
    case .sum, .product, .power:
      let first = try parseBinary(level.tighter)
      var rest: [(JinjaOperator, JinjaExpression)] = []
      while case .symbol(let symbol) = current.kind, let operation = JinjaOperator(rawValue: symbol),
        operation.level == level
      {
        advance()
        rest.append((operation, try parseBinary(level.tighter)))
      }
      return rest.isEmpty ? first : JinjaExpression(kind: .arithmetic(first, rest), line: line)
    }
  }

  private mutating func parseComparison() throws(ChatTemplateError) -> JinjaExpression {
    let line = line
    let first = try parseBinary(.sum)
    var rest: [(JinjaComparison, JinjaExpression)] = []
    while let comparison = skipComparison() { rest.append((comparison, try parseBinary(.sum))) }
    return rest.isEmpty ? first : JinjaExpression(kind: .comparison(first, rest), line: line)
  }

  private mutating func skipComparison() -> JinjaComparison? {
    if case .symbol(let symbol) = current.kind, let comparison = JinjaComparison(rawValue: symbol) {
      advance()
      return comparison
    }
    if skip(name: "in") { return .contained }
    if isName("not"), following.kind == .name("in") {
      advance()
      advance()
      return .notContained
    }
    return nil
  }

  private mutating func parseUnary(withFilters: Bool = true) throws(ChatTemplateError) -> JinjaExpression {
    let line = line
    var value: JinjaExpression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      advance()
      let operand = try nested { (parser) throws(ChatTemplateError) in try parser.parseUnary(withFilters: false) }
      value = JinjaExpression(kind: isNegative ? .negative(operand) : .positive(operand), line: line)
    } else {
      value = try parsePrimary()
    }
    var suffixes = try parsePostfixes()
    if withFilters { suffixes += try parseFilters(withTests: true) }
    if !suffixes.isEmpty { value = JinjaExpression(kind: .suffixed(value, suffixes), line: line) }
    return value
  }

  private mutating func parsePrimary() throws(ChatTemplateError) -> JinjaExpression {
    let line = line
    let kind: JinjaExpression.Kind
    switch current.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": kind = .literal(.boolean(true))
      case "false", "False": kind = .literal(.boolean(false))
      case "none", "None": kind = .literal(.none)
      default: kind = .name(name)
      }
    case .string(var text):
      advance()
      while case .string(let more) = current.kind {
        text += more
        advance()
      }
      kind = .literal(.string(text))
    case .integer(let value):
      advance()
      kind = .literal(.integer(value))
    case .float(let value):
      advance()
      kind = .literal(.float(value))
    case .symbol("("):
      advance()
      if skip(symbol: ")") { return JinjaExpression(kind: .list([], isTuple: true), line: line) }
      let value = try parseTuple()
      try expect(symbol: ")")
      return value
    case .symbol("["): kind = try parseList()
    case .symbol("{"): kind = try parseDictionary()
    default: throw failure(expected: "an expression")
    }
    return JinjaExpression(kind: kind, line: line)
  }

  private mutating func parseList() throws(ChatTemplateError) -> JinjaExpression.Kind {
    advance()
    var elements: [JinjaExpression] = []
    while !isSymbol("]") {
      if !elements.isEmpty { try expect(symbol: ",") }
      if isSymbol("]") { break }
      elements.append(try parseExpression())
    }
    try expect(symbol: "]")
    return .list(elements, isTuple: false)
  }

  private mutating func parseDictionary() throws(ChatTemplateError) -> JinjaExpression.Kind {
    advance()
    var members: [(key: JinjaExpression, value: JinjaExpression)] = []
    while !isSymbol("}") {
      if !members.isEmpty { try expect(symbol: ",") }
      if isSymbol("}") { break }
      let key = try parseExpression()
      try expect(symbol: ":")
      members.append((key, try parseExpression()))
    }
    try expect(symbol: "}")
    return .dictionary(members)
  }

  // MARK: - Suffixes

  private mutating func parsePostfixes() throws(ChatTemplateError) -> [JinjaSuffix] {
    var suffixes: [JinjaSuffix] = []
    while true {
      let line = line
      if skip(symbol: ".") {
        if case .integer(let index) = current.kind {
          advance()
          let key = JinjaExpression(kind: .literal(.integer(index)), line: line)
          suffixes.append(JinjaSuffix(kind: .subscripted(key), line: line))
        } else {
          suffixes.append(JinjaSuffix(kind: .attribute(try expectIdentifier("an attribute")), line: line))
        }
      } else if isSymbol("[") {
        suffixes.append(JinjaSuffix(kind: try parseSubscript(), line: line))
      } else if isSymbol("(") {
        suffixes.append(JinjaSuffix(kind: .call(try parseArguments()), line: line))
      } else {
        return suffixes
      }
    }
  }

  private mutating func parseSubscript() throws(ChatTemplateError) -> JinjaSuffix.Kind {
    advance()
    var parts: [JinjaExpression?] = []
    var isSlice = false
    if !isSymbol(":") { parts.append(try parseTuple()) } else { parts.append(nil) }
    while skip(symbol: ":") {
      isSlice = true
      parts.append(isSymbol(":") || isSymbol("]") ? nil : try parseExpression())
    }
    try expect(symbol: "]")
    guard isSlice else {
      guard let key = parts[0] else { throw failure(expected: "an expression") }
      return .subscripted(key)
    }
    guard parts.count <= 3 else { throw failure(expected: "at most two ':'") }
    return .slice(start: parts[0], end: parts[1], step: parts.count > 2 ? parts[2] : nil)
  }

  private mutating func parseArguments() throws(ChatTemplateError) -> JinjaArguments {
    var arguments = JinjaArguments()
    try expect(symbol: "(")
    var isFirst = true
    while !isSymbol(")") {
      if !isFirst { try expect(symbol: ",") }
      isFirst = false
      if isSymbol(")") { break }
      if isSymbol("*") || isSymbol("**") {
        throw ChatTemplateError(.syntax, "argument lists with '*' are not supported in chat templates", line: line)
      }
      if case .name(let name) = current.kind, following.kind == .symbol("=") {
        advance()
        advance()
        arguments.named.append((name, try parseExpression()))
      } else if arguments.named.isEmpty {
        arguments.positional.append(try parseExpression())
      } else {
        throw ChatTemplateError(.syntax, "an argument without a name follows one with a name", line: line)
      }
    }
    try expect(symbol: ")")
    return arguments
  }

  /// Any number of filters, each after its "|"; with `withTests` also tests and calls of the result.
  mutating func parseFilters(withTests: Bool = false) throws(ChatTemplateError) -> [JinjaSuffix] {
    var suffixes: [JinjaSuffix] = []
    while true {
      let line = line
      if skip(symbol: "|") {
        suffixes.append(try parseFilter())
      } else if withTests, skip(name: "is") {
        suffixes.append(try parseTest(line: line))
      } else if withTests, isSymbol("(") {
        suffixes.append(JinjaSuffix(kind: .call(try parseArguments()), line: line))
      } else {
        return suffixes
      }
    }
  }

  mutating func parseFilter() throws(ChatTemplateError) -> JinjaSuffix {
    let line = line
    let name = try expectIdentifier("a filter")
    let arguments = isSymbol("(") ? try parseArguments() : JinjaArguments()
    return JinjaSuffix(kind: .filter(name, arguments), line: line)
  }

  private mutating func parseTest(line: Int) throws(ChatTemplateError) -> JinjaSuffix {
    let isNegated = skip(name: "not")
    let name = try expectIdentifier("a test")
    var arguments = JinjaArguments()
    if isSymbol("(") {
      arguments = try parseArguments()
    } else if isTestArgument {
      // As in Jinja, an argument without parentheses is a primary expression with its attributes, no more.
      let argumentLine = self.line
      let value = try parsePrimary()
      let suffixes = try parsePostfixes()
      arguments.positional.append(
        suffixes.isEmpty ? value : JinjaExpression(kind: .suffixed(value, suffixes), line: argumentLine))
    }
    return JinjaSuffix(kind: .test(name, arguments, isNegated: isNegated), line: line)
  }

  private var isTestArgument: Bool {
    switch current.kind {
    case .name(let name): !["else", "or", "and", "is", "if", "in", "not"].contains(name)
    case .string, .integer, .float, .symbol("["), .symbol("{"): true
    default: false
    }
  }
}

extension JinjaOperator {
  var level: JinjaParser.Level {
    switch self {
    case .add, .subtract: .sum
    case .multiply, .divide, .floorDivide, .remainder: .product
    case .power: .power
    }
  }
}
