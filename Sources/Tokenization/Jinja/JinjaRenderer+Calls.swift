/// The evaluated arguments of a call, filter or test.
struct JinjaCallArguments {
  var positional: [JinjaValue] = []
  var named: [(name: String, value: JinjaValue)] = []
}

/// Calls of macros and of the environment's functions.
extension JinjaRenderer {
  /// The arguments in the order of `names`; nil where one is missing.
  func bind(
    _ arguments: JinjaCallArguments, to names: [String], of callee: String
  ) throws(ChatTemplateError) -> [JinjaValue?] {
    guard arguments.positional.count <= names.count else {
      throw failure("\(callee) takes at most \(names.count) arguments, found \(arguments.positional.count)")
    }
    var values = [JinjaValue?](repeating: nil, count: names.count)
    for (index, value) in arguments.positional.enumerated() { values[index] = value }
    for (name, value) in arguments.named {
      guard let index = names.firstIndex(where: { PythonText.equal($0, name) }) else {
        throw failure("\(callee) has no argument '\(name)'")
      }
      guard values[index] == nil else { throw failure("\(callee) got its argument '\(name)' twice") }
      values[index] = value
    }
    return values
  }

  func require(_ value: JinjaValue?, _ name: String, of callee: String) throws(ChatTemplateError) -> JinjaValue {
    guard let value else { throw failure("\(callee) needs its argument '\(name)'") }
    return value
  }

  func integer(_ value: JinjaValue, of callee: String) throws(ChatTemplateError) -> Int {
    guard let integer = value.integer else { throw failure("\(callee) needs an integer, found \(value.kind)") }
    return integer
  }

  func call(_ callee: JinjaValue, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaValue {
    guard case .callable(let callable) = callee else { throw failure("\(callee.kind) cannot be called") }
    try enter()
    defer { leave() }
    switch callable {
    case .macro(let macro): return .string(try call(macro, arguments))
    case .method(let method): return try call(method, arguments)
    case .function(let function): return try call(function, arguments)
    }
  }

  private func call(_ macro: JinjaMacro, _ arguments: JinjaCallArguments) throws(ChatTemplateError) -> String {
    let definition = macro.definition
    let inner = JinjaScope(parent: macro.scope)
    var arguments = arguments
    if let caller = arguments.named.firstIndex(where: { $0.name == "caller" }),
      !definition.parameters.contains(where: { $0.name == "caller" })
    {
      inner.variables["caller"] = arguments.named.remove(at: caller).value
    }
    let values = try bind(arguments, to: definition.parameters.map(\.name), of: "macro '\(definition.name)'")
    let outer = scope
    defer { scope = outer }
    scope = inner
    for (parameter, value) in zip(definition.parameters, values) {
      if let value {
        inner.variables[parameter.name] = value
      } else if let defaultValue = parameter.defaultValue {
        inner.variables[parameter.name] = try evaluate(defaultValue)
      } else {
        inner.variables[parameter.name] = .undefined(parameter.name)
      }
    }
    return try capture(definition.body, in: inner)
  }

  private func call(
    _ function: JinjaFunction, _ arguments: JinjaCallArguments
  ) throws(ChatTemplateError) -> JinjaValue {
    let name = "'\(function.rawValue)'"
    switch function {
    case .raiseException:
      let message = try bind(arguments, to: ["message"], of: name)[0]
      throw ChatTemplateError(.raised, try string(try require(message, "message", of: name)), line: line)
    case .strftimeNow:
      let format = try require(try bind(arguments, to: ["format"], of: name)[0], "format", of: name)
      return try text(clock.formatted(try string(format)))
    case .namespace: return .namespace(try makeDictionary(arguments, of: name))
    case .dict: return .dictionary(try makeDictionary(arguments, of: name))
    case .range: return .list(try makeRange(arguments))
    }
  }

  private func makeDictionary(
    _ arguments: JinjaCallArguments, of callee: String
  ) throws(ChatTemplateError) -> JinjaDictionary {
    let result = dictionary()
    guard arguments.positional.count <= 1 else { throw failure("\(callee) takes at most one argument without a name") }
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let source):
      for (name, value) in zip(source.keys, source.values) { result.set(value, for: try key(name), named: name) }
    case let source?:
      for element in try elements(of: source) {
        let pair = try elements(of: element)
        guard pair.count == 2 else { throw failure("\(callee) needs pairs, found \(pair.count) values") }
        result.set(pair[1], for: try key(pair[0]), named: pair[0])
      }
    }
    for (name, value) in arguments.named { result.set(value, for: name) }
    try spend(result.count)
    return result
  }

  private func makeRange(_ arguments: JinjaCallArguments) throws(ChatTemplateError) -> JinjaList {
    var bounds: [Int] = []
    for value in try bind(arguments, to: ["start", "stop", "step"], of: "'range'") {
      if let value { bounds.append(try integer(value, of: "'range'")) }
    }
    guard let first = bounds.first else { throw failure("'range' needs its argument 'stop'") }
    let start = bounds.count > 1 ? first : 0
    let stop = bounds.count > 1 ? bounds[1] : first
    let step = bounds.count > 2 ? bounds[2] : 1
    guard step != 0 else { throw failure("the step of 'range' cannot be zero") }
    var elements: [JinjaValue] = []
    for value in stride(from: start, to: stop, by: step) {
      guard elements.count < limits.rangeElements else {
        throw ChatTemplateError(.limit, "'range' has more than \(limits.rangeElements) elements", line: line)
      }
      elements.append(.integer(value))
    }
    return try list(elements)
  }
}

extension JinjaLoop {
  /// An attribute of the variable `loop`; nil for one it does not have.
  func attribute(_ name: String) -> JinjaValue? {
    let values = elements.elements
    switch name {
    case "index": return .integer(index + 1)
    case "index0": return .integer(index)
    case "revindex": return .integer(values.count - index)
    case "revindex0": return .integer(values.count - index - 1)
    case "first": return .boolean(index == 0)
    case "last": return .boolean(index == values.count - 1)
    case "length": return .integer(values.count)
    // Only recursive loops, which are not supported, are ever deeper.
    case "depth": return .integer(1)
    case "depth0": return .integer(0)
    case "previtem": return index > 0 ? values[index - 1] : .undefined("loop.previtem")
    case "nextitem": return index + 1 < values.count ? values[index + 1] : .undefined("loop.nextitem")
    default: return nil
    }
  }
}
