/// Builds the statements of a template from its tokens.
struct JinjaParser {
  /// How deeply expressions and blocks may nest; real templates stay under 20. Together
  /// with ``JinjaLimits/depth`` it keeps a release build within 512 KiB of stack, the least that a thread has.
  static let maximumNesting = 50

  private let tokens: [JinjaToken]
  private var position = 0
  private var nesting = 0
  private var loops = 0

  static func statements(of source: String) throws(ChatTemplateError) -> [JinjaStatement] {
    var parser = JinjaParser(tokens: try JinjaLexer.tokens(of: source))
    return try parser.parseStatements(until: [])
  }

  private init(tokens: [JinjaToken]) { self.tokens = tokens }

  // MARK: - Tokens

  var current: JinjaToken { tokens[min(position, tokens.count - 1)] }
  var following: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }
  var line: Int { current.line }

  mutating func advance() { position += 1 }

  func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }
  func isName(_ name: String) -> Bool { current.kind == .name(name) }

  mutating func skip(symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func skip(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  func failure(expected: String) -> ChatTemplateError {
    ChatTemplateError(.syntax, "expected \(expected), found \(current.text)", line: line)
  }

  mutating func expect(symbol: String) throws(ChatTemplateError) {
    guard skip(symbol: symbol) else { throw failure(expected: "'\(symbol)'") }
  }

  mutating func expect(name: String) throws(ChatTemplateError) {
    guard skip(name: name) else { throw failure(expected: "'\(name)'") }
  }

  mutating func expectIdentifier(_ what: String) throws(ChatTemplateError) -> String {
    guard case .name(let name) = current.kind else { throw failure(expected: what) }
    advance()
    return name
  }

  mutating func expectBlockEnd() throws(ChatTemplateError) {
    guard current.kind == .blockEnd else { throw failure(expected: "'%}'") }
    advance()
  }

  /// Runs `body` one level deeper, or fails where the source nests deeper than a template may.
  mutating func nested<Result>(
    _ body: (inout JinjaParser) throws(ChatTemplateError) -> Result
  ) throws(ChatTemplateError) -> Result {
    guard nesting < Self.maximumNesting else {
      throw ChatTemplateError(.limit, "nested more than \(Self.maximumNesting) levels deep", line: line)
    }
    nesting += 1
    defer { nesting -= 1 }
    return try body(&self)
  }

  // MARK: - Statements

  /// Statements up to a tag named in `ends`, which is left as the current token; with no names, up to the end.
  private mutating func parseStatements(until ends: [String]) throws(ChatTemplateError) -> [JinjaStatement] {
    var statements: [JinjaStatement] = []
    let startLine = line
    while true {
      switch current.kind {
      case .data(let text):
        statements.append(JinjaStatement(kind: .text(text), line: line))
        advance()
      case .variableBegin:
        advance()
        let line = line
        let value = try parseTuple()
        guard current.kind == .variableEnd else { throw failure(expected: "'}}'") }
        advance()
        statements.append(JinjaStatement(kind: .output(value), line: line))
      case .blockBegin:
        advance()
        guard case .name(let name) = current.kind else { throw failure(expected: "the name of a tag") }
        if ends.contains(name) { return statements }
        let line = line
        advance()
        let kind = try nested { (parser) throws(ChatTemplateError) in try parser.parseTag(name, line: line) }
        statements.append(JinjaStatement(kind: kind, line: line))
      case .end:
        if ends.isEmpty { return statements }
        let expected = ends.map { "'{% \($0) %}'" }.joined(separator: " or ")
        throw ChatTemplateError(.syntax, "the block that begins here has no \(expected)", line: startLine)
      default:
        throw failure(expected: "text or a tag")
      }
    }
  }

  /// The statements of a block whose opening tag has been read up to its "%}", with the closing tag.
  private mutating func parseBody(end: String) throws(ChatTemplateError) -> [JinjaStatement] {
    try expectBlockEnd()
    let body = try parseStatements(until: [end])
    advance()
    try expectBlockEnd()
    return body
  }

  private mutating func parseTag(_ name: String, line: Int) throws(ChatTemplateError) -> JinjaStatement.Kind {
    switch name {
    case "if": return try parseConditional()
    case "for": return try parseLoop()
    case "set": return try parseAssignment()
    case "macro": return try parseMacro()
    case "call": return try parseCallBlock()
    case "filter": return try parseFilterBlock()
    case "with": return try parseWith()
    case "generation": return .scope(variables: [], body: try parseBody(end: "endgeneration"))
    case "break", "continue":
      guard loops > 0 else { throw ChatTemplateError(.syntax, "'\(name)' outside of a loop", line: line) }
      try expectBlockEnd()
      return name == "break" ? .breakLoop : .continueLoop
    default:
      throw ChatTemplateError(.syntax, "tag '\(name)' is unknown or out of place", line: line)
    }
  }

  private mutating func parseConditional() throws(ChatTemplateError) -> JinjaStatement.Kind {
    var branches: [(condition: JinjaExpression, body: [JinjaStatement])] = []
    var otherwise: [JinjaStatement] = []
    while true {
      let condition = try parseTuple(withConditional: false)
      try expectBlockEnd()
      branches.append((condition, try parseStatements(until: ["elif", "else", "endif"])))
      if skip(name: "elif") { continue }
      if skip(name: "else") {
        try expectBlockEnd()
        otherwise = try parseStatements(until: ["endif"])
      }
      advance()
      try expectBlockEnd()
      return .conditional(branches: branches, otherwise: otherwise)
    }
  }

  private mutating func parseLoop() throws(ChatTemplateError) -> JinjaStatement.Kind {
    let target = try parseTarget()
    try expect(name: "in")
    let iterable = try parseTuple(withConditional: false)
    var condition: JinjaExpression?
    if skip(name: "if") { condition = try parseExpression() }
    if isName("recursive") {
      throw ChatTemplateError(.syntax, "recursive loops are not supported in chat templates", line: line)
    }
    try expectBlockEnd()
    loops += 1
    let body = try parseStatements(until: ["else", "endfor"])
    loops -= 1
    var otherwise: [JinjaStatement] = []
    if skip(name: "else") {
      try expectBlockEnd()
      otherwise = try parseStatements(until: ["endfor"])
    }
    advance()
    try expectBlockEnd()
    return .loop(
      JinjaLoopStatement(
        target: target, iterable: iterable, condition: condition, body: body, otherwise: otherwise))
  }

  private mutating func parseTarget(withNamespace: Bool = false) throws(ChatTemplateError) -> JinjaTarget {
    var targets: [JinjaTarget] = []
    var isTuple = false
    repeat {
      if isName("in") || isSymbol("=") || isSymbol(")") || current.kind == .blockEnd { break }
      if skip(symbol: "(") {
        targets.append(
          try nested { (parser) throws(ChatTemplateError) in try parser.parseTarget(withNamespace: withNamespace) })
        try expect(symbol: ")")
      } else {
        let line = line
        let name = try expectIdentifier("a variable to assign to")
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
          throw ChatTemplateError(.syntax, "cannot assign to '\(name)'", line: line)
        }
        if withNamespace, skip(symbol: ".") {
          targets.append(.attribute(namespace: name, name: try expectIdentifier("an attribute")))
        } else {
          targets.append(.name(name))
        }
      }
      if isSymbol(",") { isTuple = true }
    } while skip(symbol: ",")
    guard let first = targets.first else { throw failure(expected: "a variable to assign to") }
    return isTuple ? .tuple(targets) : first
  }

  private mutating func parseAssignment() throws(ChatTemplateError) -> JinjaStatement.Kind {
    let target = try parseTarget(withNamespace: true)
    if skip(symbol: "=") {
      let value = try parseTuple()
      try expectBlockEnd()
      return .assign(target, value)
    }
    return .assignBlock(target, filters: try parseFilters(), body: try parseBody(end: "endset"))
  }

  private mutating func parseParameters() throws(ChatTemplateError)
    -> [(name: String, defaultValue: JinjaExpression?)]
  {
    var parameters: [(name: String, defaultValue: JinjaExpression?)] = []
    try expect(symbol: "(")
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(symbol: ",") }
      if isSymbol(")") { break }
      let name = try expectIdentifier("a parameter")
      if skip(symbol: "=") {
        parameters.append((name, try parseExpression()))
      } else if let last = parameters.last, last.defaultValue != nil {
        throw ChatTemplateError(.syntax, "parameter '\(name)' without a default follows one with a default", line: line)
      } else {
        parameters.append((name, nil))
      }
    }
    try expect(symbol: ")")
    return parameters
  }

  private mutating func parseMacro() throws(ChatTemplateError) -> JinjaStatement.Kind {
    let name = try expectIdentifier("the macro's name")
    let parameters = try parseParameters()
    return .macro(JinjaMacroDefinition(name: name, parameters: parameters, body: try parseMacroBody(end: "endmacro")))
  }

  /// A macro's body: a loop around the macro cannot be left from inside of it.
  private mutating func parseMacroBody(end: String) throws(ChatTemplateError) -> [JinjaStatement] {
    let outerLoops = loops
    loops = 0
    defer { loops = outerLoops }
    return try parseBody(end: end)
  }

  private mutating func parseCallBlock() throws(ChatTemplateError) -> JinjaStatement.Kind {
    let parameters = isSymbol("(") ? try parseParameters() : []
    let line = line
    let call = try parseExpression()
    guard case .suffixed(_, let suffixes) = call.kind, case .call? = suffixes.last?.kind else {
      throw ChatTemplateError(.syntax, "'{% call %}' needs a call of a macro", line: line)
    }
    let body = try parseMacroBody(end: "endcall")
    return .call(JinjaMacroDefinition(name: "caller", parameters: parameters, body: body), call)
  }

  private mutating func parseFilterBlock() throws(ChatTemplateError) -> JinjaStatement.Kind {
    var filters = [try parseFilter()]
    filters += try parseFilters()
    return .filter(filters, body: try parseBody(end: "endfilter"))
  }

  private mutating func parseWith() throws(ChatTemplateError) -> JinjaStatement.Kind {
    var variables: [(JinjaTarget, JinjaExpression)] = []
    while current.kind != .blockEnd {
      if !variables.isEmpty { try expect(symbol: ",") }
      let name = try expectIdentifier("a variable to assign to")
      try expect(symbol: "=")
      variables.append((.name(name), try parseExpression()))
    }
    return .scope(variables: variables, body: try parseBody(end: "endwith"))
  }
}
