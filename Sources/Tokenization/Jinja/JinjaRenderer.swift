/// What a template may use up. Templates come with model files, so they are not trusted.
package struct JinjaLimits: Sendable {
  /// Evaluations of an expression or statement, plus one per 16 bytes of text made or searched and one per list element.
  package var steps = 10_000_000
  /// UTF-8 bytes of one text, the output included.
  package var textBytes = 64 << 20
  /// Nested evaluations; a call of a macro takes about six.
  package var depth = 200
  /// Elements of one `range`, as in Jinja's sandbox.
  package var rangeElements = 100_000

  package init() {}
}

/// Runs the statements of one template, once.
///
/// Lists, dictionaries and captured scopes made on the way stay alive until ``releaseAll()``: a template can build
/// cycles, which would leak, and chains so long that freeing them from one end would overflow the stack.
final class JinjaRenderer {
  let limits: JinjaLimits
  let clock: JinjaClock
  var scope: JinjaScope
  var output = ""
  var line = 1
  private var steps = 0
  private var depth = 0
  private var lists: [JinjaList] = []
  private var dictionaries: [JinjaDictionary] = []
  private var scopes: [JinjaScope] = []

  init(limits: JinjaLimits, clock: JinjaClock) {
    self.limits = limits
    self.clock = clock
    scope = JinjaScope()
  }

  func releaseAll() {
    for list in lists { list.elements = [] }
    for dictionary in dictionaries { dictionary.clear() }
    for scope in scopes { scope.clear() }
  }

  // MARK: - Limits and allocation

  func failure(_ message: String) -> ChatTemplateError { ChatTemplateError(.evaluation, message, line: line) }

  func spend(_ count: Int = 1) throws(ChatTemplateError) {
    steps += min(count, limits.steps)
    guard steps <= limits.steps else {
      throw ChatTemplateError(.limit, "the template needs more than \(limits.steps) steps", line: line)
    }
  }

  /// Accounts for making or searching a text of `byteCount` bytes.
  func spend(bytes byteCount: Int) throws(ChatTemplateError) {
    guard byteCount <= limits.textBytes else {
      throw ChatTemplateError(.limit, "a text grows beyond \(limits.textBytes) bytes", line: line)
    }
    try spend(byteCount / 16)
  }

  func text(_ text: String) throws(ChatTemplateError) -> JinjaValue {
    try spend(bytes: text.utf8.count)
    return .string(text)
  }

  /// Runs `body` one level deeper.
  func nested<Result>(_ body: () throws(ChatTemplateError) -> Result) throws(ChatTemplateError) -> Result {
    try enter()
    defer { leave() }
    return try body()
  }

  func enter() throws(ChatTemplateError) {
    guard depth < limits.depth else {
      throw ChatTemplateError(.limit, "evaluation nests more than \(limits.depth) levels deep", line: line)
    }
    depth += 1
    try spend()
  }

  func leave() { depth -= 1 }

  func list(_ elements: [JinjaValue], isTuple: Bool = false) throws(ChatTemplateError) -> JinjaList {
    try spend(elements.count)
    let list = JinjaList(elements, isTuple: isTuple)
    lists.append(list)
    return list
  }

  func dictionary() -> JinjaDictionary {
    let dictionary = JinjaDictionary()
    dictionaries.append(dictionary)
    return dictionary
  }

  /// Brings a value of the caller's into the template.
  func value(_ value: ChatTemplateValue) throws(ChatTemplateError) -> JinjaValue {
    try enter()
    defer { leave() }
    switch value {
    case .null: return .none
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .float(value)
    case .string(let text): return try self.text(text)
    case .array(let elements):
      var values: [JinjaValue] = []
      for element in elements { values.append(try self.value(element)) }
      return .list(try list(values))
    case .object(let members):
      let result = dictionary()
      for member in members { result.set(try self.value(member.value), for: member.name) }
      return .dictionary(result)
    }
  }

  // MARK: - Statements

  enum Flow {
    case next, breakLoop, continueLoop
  }

  func write(_ text: String) throws(ChatTemplateError) {
    try spend(bytes: text.utf8.count)
    try spend(bytes: output.utf8.count + text.utf8.count > limits.textBytes ? .max : 0)
    output += text
  }

  func run(_ statements: [JinjaStatement]) throws(ChatTemplateError) -> Flow {
    try enter()
    defer { leave() }
    for statement in statements {
      line = statement.line
      let flow = try run(statement)
      if flow != .next { return flow }
    }
    return .next
  }

  private func run(_ statement: JinjaStatement) throws(ChatTemplateError) -> Flow {
    try spend()
    switch statement.kind {
    case .text(let text): try write(text)
    case .output(let expression): try write(try string(try evaluate(expression)))
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .assign(let target, let expression): try assign(try evaluate(expression), to: target)
    case .assignBlock(let target, let filters, let body):
      let text = try capture(body, in: JinjaScope(parent: scope))
      try assign(try apply(filters, to: .string(text)), to: target)
    case .macro(let definition):
      scope.variables[definition.name] = .callable(.macro(closure(definition)))
    case .call(let definition, let expression):
      try write(try string(try evaluateCall(expression, caller: closure(definition))))
    case .filter(let filters, let body):
      let text = try capture(body, in: JinjaScope(parent: scope))
      try write(try string(try apply(filters, to: .string(text))))
    case .scope(let variables, let body): return try run(body, with: variables)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .next
  }

  private func run(
    _ body: [JinjaStatement], with variables: [(JinjaTarget, JinjaExpression)]
  ) throws(ChatTemplateError) -> Flow {
    let inner = JinjaScope(parent: scope)
    for case (.name(let name), let expression) in variables { inner.variables[name] = try evaluate(expression) }
    let outer = scope
    scope = inner
    defer { scope = outer }
    return try run(body)
  }

  /// The text that `body` writes, run in `inner`.
  func capture(_ body: [JinjaStatement], in inner: JinjaScope) throws(ChatTemplateError) -> String {
    let outer = scope
    let outerOutput = output
    scope = inner
    output = ""
    defer {
      scope = outer
      output = outerOutput
    }
    _ = try run(body)
    return output
  }

  /// A macro that sees the variables of the present scope, also those that are set later.
  private func closure(_ definition: JinjaMacroDefinition) -> JinjaMacro {
    var current: JinjaScope? = scope
    while let scope = current, !scope.isRetained {
      scope.isRetained = true
      scopes.append(scope)
      current = scope.parent
    }
    return JinjaMacro(definition: definition, scope: scope)
  }

  func assign(_ value: JinjaValue, to target: JinjaTarget) throws(ChatTemplateError) {
    switch target {
    case .name(let name): scope.variables[name] = value
    case .attribute(let namespace, let name):
      guard case .namespace(let dictionary)? = scope.lookUp(namespace) else {
        throw failure("cannot set '\(namespace).\(name)': '\(namespace)' is not a namespace")
      }
      dictionary.set(value, for: name)
    case .tuple(let targets):
      let elements = try self.elements(of: value)
      guard elements.count == targets.count else {
        throw failure("cannot unpack \(elements.count) values into \(targets.count) variables")
      }
      for (target, element) in zip(targets, elements) { try assign(element, to: target) }
    }
  }

  private func run(_ statement: JinjaLoopStatement) throws(ChatTemplateError) {
    let outer = scope
    defer { scope = outer }
    var elements = try self.elements(of: try evaluate(statement.iterable))
    if let condition = statement.condition {
      var kept: [JinjaValue] = []
      for element in elements {
        scope = JinjaScope(parent: outer)
        try assign(element, to: statement.target)
        if try evaluate(condition).isTrue { kept.append(element) }
      }
      elements = kept
    }
    if elements.isEmpty {
      scope = JinjaScope(parent: outer)
      _ = try run(statement.otherwise)
      return
    }
    let loop = JinjaLoop(elements: try list(elements))
    for (index, element) in elements.enumerated() {
      loop.index = index
      scope = JinjaScope(parent: outer)
      scope.variables["loop"] = .loop(loop)
      try assign(element, to: statement.target)
      if try run(statement.body) == .breakLoop { break }
    }
  }
}
