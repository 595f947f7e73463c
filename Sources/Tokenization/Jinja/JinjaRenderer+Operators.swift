import Foundation

/// Python's arithmetic and comparisons.
extension JinjaRenderer {
  func calculate(
    _ left: JinjaValue, _ operation: JinjaOperator, _ right: JinjaValue
  ) throws(ChatTemplateError) -> JinjaValue {
    for operand in [left, right] where operand.isUndefined {
      throw failure("\(operand.kind) cannot be used with '\(operation.rawValue)'")
    }
    if let left = left.integer, let right = right.integer { return try calculate(left, operation, right) }
    if let left = left.number, let right = right.number { return try calculate(left, operation, right) }
    switch (left, operation, right) {
    case (.list(let first), .add, .list(let second)) where first.isTuple == second.isTuple:
      try spend(second.elements.count)
      return .list(try list(first.elements + second.elements, isTuple: first.isTuple))
    case (_, .add, _):
      guard let first = left.text, let second = right.text else { break }
      return try join(left, right, first, second)
    case (_, .multiply, _):
      if let count = right.integer { return try multiply(left, count) }
      if let count = left.integer { return try multiply(right, count) }
    default: break
    }
    throw failure("cannot use '\(operation.rawValue)' between \(left.kind) and \(right.kind)")
  }

  private func join(
    _ left: JinjaValue, _ right: JinjaValue, _ first: String, _ second: String
  ) throws(ChatTemplateError) -> JinjaValue {
    try spend(bytes: first.utf8.count + second.utf8.count)
    switch (left, right) {
    case (.markup, .markup): return .markup(first + second)
    case (.markup, _): return .markup(first + PythonText.escapeMarkup(second))
    case (_, .markup): return .markup(PythonText.escapeMarkup(first) + second)
    default: return .string(first + second)
    }
  }

  private func multiply(_ value: JinjaValue, _ count: Int) throws(ChatTemplateError) -> JinjaValue {
    let count = max(0, count)
    if let text = value.text {
      let (bytes, overflows) = text.utf8.count.multipliedReportingOverflow(by: count)
      try spend(bytes: overflows ? .max : bytes)
      return .string(String(repeating: text, count: text.utf8.isEmpty ? 0 : count))
    }
    guard case .list(let source) = value else { throw failure("cannot use '*' between \(value.kind) and an integer") }
    let (total, overflows) = source.elements.count.multipliedReportingOverflow(by: count)
    try spend(overflows ? .max : total)
    var elements: [JinjaValue] = []
    if total > 0 { for _ in 0..<count { elements += source.elements } }
    return .list(try list(elements, isTuple: source.isTuple))
  }

  private func calculate(
    _ left: Int, _ operation: JinjaOperator, _ right: Int
  ) throws(ChatTemplateError) -> JinjaValue {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case .add: result = left.addingReportingOverflow(right)
    case .subtract: result = left.subtractingReportingOverflow(right)
    case .multiply: result = left.multipliedReportingOverflow(by: right)
    case .divide: return try calculate(Double(left), .divide, Double(right))
    case .floorDivide, .remainder:
      guard right != 0 else { throw failure("division by zero") }
      let quotient = left.dividedReportingOverflow(by: right)
      // Only Int.min / -1 overflows; its remainder is 0.
      let remainder = quotient.overflow ? 0 : left % right
      let isRoundedUp = remainder != 0 && (remainder < 0) != (right < 0)
      if operation == .remainder { return .integer(isRoundedUp ? remainder + right : remainder) }
      result = (isRoundedUp ? quotient.partialValue - 1 : quotient.partialValue, quotient.overflow)
    case .power:
      guard right >= 0 else { return try calculate(Double(left), .power, Double(right)) }
      result = Self.power(left, right)
    }
    guard !result.overflow else {
      throw failure("'\(operation.rawValue)' leaves the range of 64-bit integers")
    }
    return .integer(result.partialValue)
  }

  private static func power(_ base: Int, _ exponent: Int) -> (partialValue: Int, overflow: Bool) {
    if base == 0 || base == 1 { return (exponent == 0 ? 1 : base, false) }
    if base == -1 { return (exponent % 2 == 0 ? 1 : -1, false) }
    // |base| is at least 2 from here on, so 64 rounds reach any overflow.
    var result = 1
    for _ in 0..<min(exponent, 64) {
      let (product, overflows) = result.multipliedReportingOverflow(by: base)
      if overflows { return (product, true) }
      result = product
    }
    return (result, false)
  }

  private func calculate(
    _ left: Double, _ operation: JinjaOperator, _ right: Double
  ) throws(ChatTemplateError) -> JinjaValue {
    switch operation {
    case .add: return .float(left + right)
    case .subtract: return .float(left - right)
    case .multiply: return .float(left * right)
    case .power:
      let result = pow(left, right)
      guard !result.isNaN || left.isNaN || right.isNaN, !(left == 0 && right < 0) else {
        throw failure("\(left) has no real power \(right)")
      }
      return .float(result)
    case .divide, .floorDivide, .remainder:
      guard right != 0 else { throw failure("division by zero") }
      if operation == .divide { return .float(left / right) }
      var remainder = left.truncatingRemainder(dividingBy: right)
      var quotient = (left - remainder) / right
      if remainder != 0, (remainder < 0) != (right < 0) {
        remainder += right
        quotient -= 1
      }
      return .float(operation == .remainder ? remainder : quotient.rounded())
    }
  }

  func negate(_ value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
    if case .float(let number) = value { return .float(-number) }
    guard let integer = value.integer else { throw failure("'-' needs a number, found \(value.kind)") }
    return try calculate(0, .subtract, integer)
  }

  // MARK: - Comparisons

  func compare(
    _ left: JinjaValue, _ comparison: JinjaComparison, _ right: JinjaValue
  ) throws(ChatTemplateError) -> Bool {
    switch comparison {
    case .equal: try equal(left, right)
    case .notEqual: !(try equal(left, right))
    case .less: try precedes(left, right)
    case .greater: try precedes(right, left)
    case .lessOrEqual: try isNaN(left, right) ? false : !(try precedes(right, left))
    case .greaterOrEqual: try isNaN(left, right) ? false : !(try precedes(left, right))
    case .contained: try contains(right, left)
    case .notContained: !(try contains(right, left))
    }
  }

  private func isNaN(_ left: JinjaValue, _ right: JinjaValue) throws(ChatTemplateError) -> Bool {
    [left, right].contains { if case .float(let value) = $0 { value.isNaN } else { false } }
  }

  func equal(_ left: JinjaValue, _ right: JinjaValue) throws(ChatTemplateError) -> Bool {
    try enter()
    defer { leave() }
    if let left = left.integer, let right = right.integer { return left == right }
    if let left = left.number, let right = right.number { return left == right }
    if let left = left.text, let right = right.text {
      try spend(bytes: min(left.utf8.count, right.utf8.count))
      return PythonText.equal(left, right)
    }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let left), .list(let right)):
      guard left.isTuple == right.isTuple, left.elements.count == right.elements.count else { return false }
      if left === right { return true }
      for (left, right) in zip(left.elements, right.elements) where !(try equal(left, right)) { return false }
      return true
    case (.dictionary(let left), .dictionary(let right)):
      guard left.count == right.count else { return false }
      if left === right { return true }
      for (name, value) in zip(left.keys, left.values) {
        guard let other = right.value(for: try key(name)), try equal(value, other) else { return false }
      }
      return true
    case (.namespace(let left), .namespace(let right)): return left === right
    case (.loop(let left), .loop(let right)): return left === right
    case (.callable(.macro(let left)), .callable(.macro(let right))): return left === right
    case (.callable(.function(let left)), .callable(.function(let right))): return left == right
    default: return false
    }
  }

  func precedes(_ left: JinjaValue, _ right: JinjaValue) throws(ChatTemplateError) -> Bool {
    try enter()
    defer { leave() }
    if let left = left.integer, let right = right.integer { return left < right }
    if let left = left.number, let right = right.number { return left < right }
    if let left = left.text, let right = right.text {
      try spend(bytes: min(left.utf8.count, right.utf8.count))
      return PythonText.precedes(left, right)
    }
    if case .list(let left) = left, case .list(let right) = right, left.isTuple == right.isTuple {
      for (left, right) in zip(left.elements, right.elements) where !(try equal(left, right)) {
        return try precedes(left, right)
      }
      return left.elements.count < right.elements.count
    }
    throw failure("cannot order \(left.kind) and \(right.kind)")
  }

  func contains(_ container: JinjaValue, _ value: JinjaValue) throws(ChatTemplateError) -> Bool {
    switch container {
    case .string(let text), .markup(let text):
      guard let needle = value.text else { throw failure("'in' looks for a string in a string, found \(value.kind)") }
      try spend(bytes: text.utf8.count)
      return PythonText.contains(text, needle)
    case .dictionary(let dictionary): return dictionary.value(for: try key(value)) != nil
    case .undefined, .list:
      for element in try elements(of: container) where try equal(element, value) { return true }
      return false
    default: throw failure("'in' needs a string, list or mapping, found \(container.kind)")
    }
  }

  /// A stable sort whose order may fail.
  func sorted<Element>(
    _ elements: [Element], by precedes: (Element, Element) throws(ChatTemplateError) -> Bool
  ) throws(ChatTemplateError) -> [Element] {
    var sorted = elements
    var width = 1
    while width < sorted.count {
      var merged: [Element] = []
      for start in Swift.stride(from: 0, to: sorted.count, by: 2 * width) {
        var left = sorted[start..<min(start + width, sorted.count)]
        var right = sorted[left.endIndex..<min(start + 2 * width, sorted.count)]
        while let first = left.first, let second = right.first {
          if try precedes(second, first) {
            merged.append(second)
            right.removeFirst()
          } else {
            merged.append(first)
            left.removeFirst()
          }
        }
        merged += left
        merged += right
      }
      sorted = merged
      width *= 2
    }
    return sorted
  }
}
