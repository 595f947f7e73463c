/// A value of the template language, with Python's semantics: lists, dictionaries and namespaces are shared, not copied.
enum JinjaValue {
  /// What a name or key that does not exist evaluates to; carries the name for error messages.
  case undefined(String)
  case none
  case boolean(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  /// A text that went through `safe`. Adding a plain text to it escapes that text, even with autoescaping off, and
  /// transformers renders templates with just that effect.
  case markup(String)
  case list(JinjaList)
  case dictionary(JinjaDictionary)
  case namespace(JinjaDictionary)
  case callable(JinjaCallable)
  case loop(JinjaLoop)

  /// The text of a string, whether marked safe or not.
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }

  /// The value as an integer; Python's booleans are integers.
  var integer: Int? {
    switch self {
    case .integer(let value): value
    case .boolean(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The value as a floating-point number, for mixed arithmetic.
  var number: Double? {
    if case .float(let value) = self { return value }
    return integer.map(Double.init)
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  var isNone: Bool {
    if case .none = self { return true }
    return false
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let text), .markup(let text): !text.utf8.isEmpty
    case .list(let list): !list.elements.isEmpty
    case .dictionary(let dictionary): !dictionary.isEmpty
    case .namespace, .callable, .loop: true
    }
  }

  /// What the value is, for error messages.
  var kind: String {
    switch self {
    case .undefined(let name): "undefined '\(name)'"
    case .none: "none"
    case .boolean: "a boolean"
    case .integer: "an integer"
    case .float: "a float"
    case .string, .markup: "a string"
    case .list(let list): list.isTuple ? "a tuple" : "a list"
    case .dictionary: "a mapping"
    case .namespace: "a namespace"
    case .callable: "a function"
    case .loop: "the loop variable"
    }
  }
}

/// A list or a tuple.
final class JinjaList {
  var elements: [JinjaValue]
  let isTuple: Bool

  init(_ elements: [JinjaValue], isTuple: Bool = false) {
    self.elements = elements
    self.isTuple = isTuple
  }
}

/// Something that can be called.
enum JinjaCallable {
  /// A function of the environment, such as `range`.
  case function(JinjaFunction)
  /// A method bound to its receiver.
  case method(JinjaMethod)
  case macro(JinjaMacro)
}

/// The functions every chat template may call.
enum JinjaFunction: String {
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
  case namespace
  case dict
  case range
}

/// A method and the value it was read from.
final class JinjaMethod {
  let receiver: JinjaValue
  let name: String

  init(receiver: JinjaValue, name: String) {
    self.receiver = receiver
    self.name = name
  }
}

/// A macro, or the body of a `call` block, with the scope it was defined in.
final class JinjaMacro {
  let definition: JinjaMacroDefinition
  let scope: JinjaScope

  init(definition: JinjaMacroDefinition, scope: JinjaScope) {
    self.definition = definition
    self.scope = scope
  }
}

/// The state behind the variable `loop`.
final class JinjaLoop {
  let elements: JinjaList
  var index = 0

  init(elements: JinjaList) {
    self.elements = elements
  }
}

/// The variables of a block; looks outward for names it does not have.
final class JinjaScope {
  var variables: [String: JinjaValue] = [:]
  private(set) var parent: JinjaScope?
  var isRetained = false

  init(parent: JinjaScope? = nil) { self.parent = parent }

  func lookUp(_ name: String) -> JinjaValue? {
    var scope: JinjaScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }

  func clear() {
    variables = [:]
    parent = nil
  }
}
