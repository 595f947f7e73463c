/// Evaluation of expressions.
extension JinjaRenderer {
  func evaluate(_ expression: JinjaExpression) throws(ChatTemplateError) -> JinjaValue {
    try enter()
    defer { leave() }
    line = expression.line
    switch expression.kind {
    case .literal(let literal): return value(literal)
    case .name(let name): return lookUp(name)
    case .list(let elements, let isTuple):
      return .list(try list(try evaluateAll(elements), isTuple: isTuple))
    case .dictionary(let members): return try evaluateDictionary(members)
    case .conditional(let value, let condition, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      if let otherwise { return try evaluate(otherwise) }
      return .undefined("the missing else branch")
    case .or(let operands): return try evaluateJunction(operands, until: true)
    case .and(let operands): return try evaluateJunction(operands, until: false)
    case .not(let operand): return .boolean(!(try evaluate(operand).isTrue))
    case .comparison(let first, let rest): return .boolean(try evaluateComparison(first, rest))
    case .arithmetic(let first, let rest):
      var result = try evaluate(first)
      for (operation, operand) in rest {
        let right = try evaluate(operand)
        line = operand.line
        result = try calculate(result, operation, right)
      }
      return result
    case .concatenation(let operands): return try evaluateConcatenation(operands)
    case .negative(let operand): return try negate(try evaluate(operand))
    case .positive(let operand):
      let value = try evaluate(operand)
      guard value.number != nil else { throw failure("'+' needs a number, found \(value.kind)") }
      return value
    case .suffixed(let base, let suffixes): return try apply(suffixes, to: try evaluate(base))
    }
  }

  private func value(_ literal: JinjaLiteral) -> JinjaValue {
    switch literal {
    case .none: .none
    case .boolean(let value): .boolean(value)
    case .integer(let value): .integer(value)
    case .float(let value): .float(value)
    case .string(let text): .string(text)
    }
  }

  private func lookUp(_ name: String) -> JinjaValue {
    if let value = scope.lookUp(name) { return value }
    if let function = JinjaFunction(rawValue: name) { return .callable(.function(function)) }
    return .undefined(name)
  }

  private func evaluateAll(_ expressions: [JinjaExpression]) throws(ChatTemplateError) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private func evaluateDictionary(
    _ members: [(key: JinjaExpression, value: JinjaExpression)]
  ) throws(ChatTemplateError) -> JinjaValue {
    let result = dictionary()
    for member in members {
      let name = try evaluate(member.key)
      result.set(try evaluate(member.value), for: try key(name), named: name)
    }
    return .dictionary(result)
  }

  func key(_ value: JinjaValue) throws(ChatTemplateError) -> JinjaKey {
    guard let key = JinjaKey(value) else { throw failure("\(value.kind) cannot be the key of a mapping") }
    return key
  }

  private func evaluateJunction(
    _ operands: [JinjaExpression], until end: Bool
  ) throws(ChatTemplateError) -> JinjaValue {
    var result = JinjaValue.none
    for operand in operands {
      result = try evaluate(operand)
      if result.isTrue == end { break }
    }
    return result
  }

  private func evaluateComparison(
    _ first: JinjaExpression, _ rest: [(JinjaComparison, JinjaExpression)]
  ) throws(ChatTemplateError) -> Bool {
    var left = try evaluate(first)
    for (comparison, operand) in rest {
      let right = try evaluate(operand)
      line = operand.line
      guard try compare(left, comparison, right) else { return false }
      left = right
    }
    return true
  }

  private func evaluateConcatenation(_ operands: [JinjaExpression]) throws(ChatTemplateError) -> JinjaValue {
    var result = ""
    for operand in operands {
      result += try string(try evaluate(operand))
      try spend(bytes: result.utf8.count > limits.textBytes ? .max : 0)
    }
    return try text(result)
  }

  // MARK: - Suffixes

  func apply(_ suffixes: [JinjaSuffix], to base: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
    var value = base
    for suffix in suffixes { value = try apply(suffix, to: value) }
    return value
  }

  private func apply(_ suffix: JinjaSuffix, to value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
    try spend()
    line = suffix.line
    switch suffix.kind {
    case .attribute(let name): return try attribute(name, of: value)
    case .subscripted(let expression):
      let key = try evaluate(expression)
      line = suffix.line
      return try element(key, of: value)
    case .slice(let start, let end, let step):
      return try slice(
        value, start: try evaluateBound(start), end: try evaluateBound(end), step: try evaluateBound(step))
    case .call(let arguments):
      let arguments = try evaluate(arguments)
      line = suffix.line
      return try call(value, arguments)
    case .filter(let name, let arguments):
      let arguments = try evaluate(arguments)
      line = suffix.line
      return try filter(name, value, arguments)
    case .test(let name, let arguments, let isNegated):
      let arguments = try evaluate(arguments)
      line = suffix.line
      return .boolean(try test(name, value, arguments) != isNegated)
    }
  }

  private func evaluate(_ arguments: JinjaArguments) throws(ChatTemplateError) -> JinjaCallArguments {
    var result = JinjaCallArguments(positional: try evaluateAll(arguments.positional))
    for argument in arguments.named { result.named.append((argument.name, try evaluate(argument.value))) }
    return result
  }

  /// Evaluates the call of a `call` block, handing it the block's body as `caller`.
  func evaluateCall(
    _ expression: JinjaExpression, caller: JinjaMacro
  ) throws(ChatTemplateError) -> JinjaValue {
    guard case .suffixed(let base, let suffixes) = expression.kind, case .call(let arguments)? = suffixes.last?.kind
    else { throw failure("'{% call %}' needs a call of a macro") }
    let callee = try apply(suffixes.dropLast(), to: try evaluate(base))
    var values = try evaluate(arguments)
    values.named.append(("caller", .callable(.macro(caller))))
    return try call(callee, values)
  }

  private func evaluateBound(_ expression: JinjaExpression?) throws(ChatTemplateError) -> Int? {
    guard let expression else { return nil }
    let value = try evaluate(expression)
    if value.isNone { return nil }
    guard let bound = value.integer else { throw failure("a slice needs integers, found \(value.kind)") }
    return bound
  }

  private func slice(
    _ value: JinjaValue, start: Int?, end: Int?, step: Int?
  ) throws(ChatTemplateError) -> JinjaValue {
    switch value {
    case .list(let source):
      let places = try places(count: source.elements.count, start: start, end: end, step: step)
      return .list(try list(places.map { source.elements[$0] }, isTuple: source.isTuple))
    case .string(let text), .markup(let text):
      try spend(bytes: text.utf8.count)
      let scalars = Array(text.unicodeScalars)
      let places = try places(count: scalars.count, start: start, end: end, step: step)
      return try self.text(PythonText.string(places.lazy.map { scalars[$0] }))
    default: throw failure("cannot slice \(value.kind)")
    }
  }

  /// The indices that Python's `start:end:step` names in a sequence of `count` elements.
  private func places(count: Int, start: Int?, end: Int?, step: Int?) throws(ChatTemplateError) -> [Int] {
    let step = step ?? 1
    guard step != 0 else { throw failure("the step of a slice cannot be zero") }
    // A larger step names at most one element anyway, and cannot overflow.
    let stride = max(-count - 1, min(count + 1, step))
    let lowest = stride < 0 ? -1 : 0
    let highest = stride < 0 ? count - 1 : count
    func clamped(_ bound: Int?, default missing: Int) -> Int {
      guard let bound else { return missing }
      let index = bound < 0 ? max(bound, -count - 1) + count : bound
      return max(lowest, min(highest, index))
    }
    let first = clamped(start, default: stride < 0 ? highest : lowest)
    let last = clamped(end, default: stride < 0 ? lowest : highest)
    return Array(Swift.stride(from: first, to: last, by: stride))
  }

  /// `value.name`: a method or attribute, else a key.
  func attribute(_ name: String, of value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
    switch value {
    case .undefined(let missing):
      throw failure("'\(missing)' is undefined, so it has no attribute '\(name)'")
    case .dictionary(let dictionary):
      if let method = method(name, of: value) { return method }
      return dictionary.value(for: JinjaKey(name)) ?? .undefined(name)
    case .namespace(let dictionary): return dictionary.value(for: JinjaKey(name)) ?? .undefined(name)
    case .loop(let loop): return loop.attribute(name) ?? method(name, of: value) ?? .undefined("loop.\(name)")
    default: return method(name, of: value) ?? .undefined(name)
    }
  }

  /// `value[key]`: a key or index, else an attribute.
  func element(_ key: JinjaValue, of value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
    switch value {
    case .undefined(let missing):
      throw failure("'\(missing)' is undefined, so it has no element '\(try string(key))'")
    case .dictionary(let dictionary):
      if let key = JinjaKey(key), let found = dictionary.value(for: key) { return found }
    case .list(let list):
      if let index = key.integer {
        let place = index < 0 ? index &+ list.elements.count : index
        return list.elements.indices.contains(place) ? list.elements[place] : .undefined("element \(index)")
      }
    case .string(let text), .markup(let text):
      if let index = key.integer {
        try spend(bytes: text.utf8.count)
        let scalars = Array(text.unicodeScalars)
        let place = index < 0 ? index &+ scalars.count : index
        return scalars.indices.contains(place) ? .string(String(scalars[place])) : .undefined("element \(index)")
      }
    default: break
    }
    if let name = key.text { return try attribute(name, of: value) }
    return .undefined(try string(key))
  }

  /// What a loop over the value runs through.
  func elements(of value: JinjaValue) throws(ChatTemplateError) -> [JinjaValue] {
    switch value {
    case .undefined: return []
    case .list(let list): return list.elements
    case .dictionary(let dictionary): return dictionary.keys
    case .string(let text), .markup(let text):
      try spend(text.utf8.count)
      return text.unicodeScalars.map { .string(String($0)) }
    default: throw failure("cannot run through \(value.kind)")
    }
  }
}
