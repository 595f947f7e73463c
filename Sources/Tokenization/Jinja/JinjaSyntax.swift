/// A statement of a template, with its line.
struct JinjaStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(JinjaExpression)
    case conditional(branches: [(condition: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
    case loop(JinjaLoopStatement)
    case assign(JinjaTarget, JinjaExpression)
    case assignBlock(JinjaTarget, filters: [JinjaSuffix], body: [JinjaStatement])
    case macro(JinjaMacroDefinition)
    case call(JinjaMacroDefinition, JinjaExpression)
    case filter([JinjaSuffix], body: [JinjaStatement])
    case scope(variables: [(JinjaTarget, JinjaExpression)], body: [JinjaStatement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}

struct JinjaLoopStatement: Sendable {
  let target: JinjaTarget
  let iterable: JinjaExpression
  let condition: JinjaExpression?
  let body: [JinjaStatement]
  let otherwise: [JinjaStatement]
}

/// What an assignment writes to.
indirect enum JinjaTarget: Sendable {
  case name(String)
  case attribute(namespace: String, name: String)
  case tuple([JinjaTarget])
}

/// A macro's name, parameters and body; the body of a `call` block is one, too.
final class JinjaMacroDefinition: Sendable {
  let name: String
  let parameters: [(name: String, defaultValue: JinjaExpression?)]
  let body: [JinjaStatement]

  init(name: String, parameters: [(name: String, defaultValue: JinjaExpression?)], body: [JinjaStatement]) {
    self.name = name
    self.parameters = parameters
    self.body = body
  }
}

/// An expression, with its line.
///
/// Operators of one precedence, and chains of attributes, filters and calls, are kept as lists and not nested: a tree
/// is then only as deep as the parentheses of its source, and the parser bounds those.
struct JinjaExpression: Sendable {
  indirect enum Kind: Sendable {
    case literal(JinjaLiteral)
    case name(String)
    case list([JinjaExpression], isTuple: Bool)
    case dictionary([(key: JinjaExpression, value: JinjaExpression)])
    case conditional(JinjaExpression, condition: JinjaExpression, otherwise: JinjaExpression?)
    case or([JinjaExpression])
    case and([JinjaExpression])
    case not(JinjaExpression)
    case comparison(JinjaExpression, [(JinjaComparison, JinjaExpression)])
    case arithmetic(JinjaExpression, [(JinjaOperator, JinjaExpression)])
    case concatenation([JinjaExpression])
    case negative(JinjaExpression)
    case positive(JinjaExpression)
    case suffixed(JinjaExpression, [JinjaSuffix])
  }

  let kind: Kind
  let line: Int
}

enum JinjaLiteral: Sendable {
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
}

enum JinjaComparison: String, Sendable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case contained = "in"
  case notContained = "not in"
}

enum JinjaOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case remainder = "%"
  case power = "**"
}

/// What may follow a primary expression.
struct JinjaSuffix: Sendable {
  enum Kind: Sendable {
    case attribute(String)
    case subscripted(JinjaExpression)
    case slice(start: JinjaExpression?, end: JinjaExpression?, step: JinjaExpression?)
    case call(JinjaArguments)
    case filter(String, JinjaArguments)
    case test(String, JinjaArguments, isNegated: Bool)
  }

  let kind: Kind
  let line: Int
}

struct JinjaArguments: Sendable {
  var positional: [JinjaExpression] = []
  var named: [(name: String, value: JinjaExpression)] = []
}
