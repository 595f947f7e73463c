/// The decimal numbers within bounds, followed digit by digit.
///
/// Numbers are compared as they are read: the digits so far with as many digits of the bound, and by the number of
/// digits where the integer part ends. Nothing is rounded.
struct NumberLanguage {
  /// A bound on a magnitude: digits without leading zeros (`0` has none) and without trailing zeros.
  private struct Bound: Hashable {
    var integer: [UInt8] = []
    var fraction: [UInt8] = []
    var isExclusive = false
  }

  /// How what was read compares with the digits of a bound that are its counterparts.
  fileprivate enum Order: Hashable { case less, equal, greater }

  struct State: Hashable {
    fileprivate enum Place: Hashable {
      case start, minus, zero, integer, point, fraction, exponentMark, exponentSign, exponent
    }

    fileprivate var place = Place.start
    fileprivate var isNegative = false
    fileprivate var digits = 0
    fileprivate var remainder = 0
    fileprivate var low = Order.equal
    fileprivate var high = Order.equal
  }

  private struct Range: Hashable {
    var low: Bound?
    var high: Bound?
    var isEmpty = false
  }

  private let positive: Range
  private let negative: Range
  private let divisor: Int
  private let fractionDigits: Int
  private let allowsExponent: Bool

  /// More digits than these an Int64 may not hold.
  private static let integerDigits = 18
  /// Decimal numbers of so many digits are still different as doubles.
  static let exactDigits = 15
  private static let exponentDigits = 2

  /// - Parameters:
  ///   - minimum, maximum: bounds in decimal.
  ///   - divisor: what integers are multiples of.
  init(minimum: DecimalBound?, maximum: DecimalBound?, isInteger: Bool, divisor: Int = 1) {
    self.divisor = divisor
    positive = Self.range(low: minimum, high: maximum)
    negative = Self.range(low: maximum?.negated, high: minimum?.negated)
    let integerDigits = max(minimum?.integer.count ?? 0, maximum?.integer.count ?? 0)
    let isBounded = minimum != nil || maximum != nil
    fractionDigits = isInteger ? 0 : isBounded ? max(0, Self.exactDigits - integerDigits) : 16
    allowsExponent = !isInteger && !isBounded
  }

  /// The range of magnitudes of the numbers from `low` to `high` that are not negative.
  private static func range(low: DecimalBound?, high: DecimalBound?) -> Range {
    func bound(_ value: DecimalBound) -> Bound {
      Bound(integer: value.integer, fraction: value.fraction, isExclusive: value.isExclusive)
    }
    // Zero has both signs, so that a bound of zero is not on one side.
    if let high, high.isNegative, !high.isZero { return Range(isEmpty: true) }
    return Range(low: low.flatMap { $0.isNegative && !$0.isZero ? nil : bound($0) }, high: high.map(bound))
  }

  func automaton() throws(AutomatonTooLarge) -> ByteAutomaton {
    try ByteAutomaton(
      start: State(), alphabet: ByteAlphabetClasses("0123456789.-+eE".utf8.map { ByteSet([$0]) }), step: step,
      tag: { accepts($0) ? 0 : nil })
  }

  private func range(_ state: State) -> Range { state.isNegative ? negative : positive }

  private func step(_ state: State, _ byte: UInt8) -> State? {
    var next = state
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      return digit(Int(byte - UInt8(ascii: "0")), after: state)
    case UInt8(ascii: "-"):
      if state.place == .start {
        next.place = .minus
        next.isNegative = true
        return next
      }
      guard state.place == .exponentMark else { return nil }
      next.place = .exponentSign
    case UInt8(ascii: "+"):
      guard state.place == .exponentMark else { return nil }
      next.place = .exponentSign
    case UInt8(ascii: "."):
      guard fractionDigits > 0, state.place == .zero || state.place == .integer else { return nil }
      next = endOfInteger(state)
      next.place = .point
      next.digits = 0
    case UInt8(ascii: "e"), UInt8(ascii: "E"):
      guard allowsExponent, [.zero, .integer, .fraction].contains(state.place) else { return nil }
      next = State(place: .exponentMark)
    default: return nil
    }
    return next
  }

  private func digit(_ digit: Int, after state: State) -> State? {
    var next = state
    switch state.place {
    case .start, .minus:
      guard !range(state).isEmpty else { return nil }
      next.place = digit == 0 ? .zero : .integer
      if digit == 0 { return next }
      next.digits = 0
    case .integer: guard state.digits < Self.integerDigits else { return nil }
    case .zero: return nil
    case .point, .fraction:
      guard state.digits < fractionDigits else { return nil }
      next.place = .fraction
    case .exponentMark, .exponentSign:
      next.place = .exponent
      next.digits = 1
      return next
    case .exponent:
      next.digits += 1
      return state.digits < Self.exponentDigits ? next : nil
    }
    let isFraction = next.place == .fraction
    next.remainder = (state.remainder * 10 + digit) % divisor
    func compare(_ order: Order, _ bound: Bound?) -> Order {
      guard order == .equal, let bound else { return order }
      let digits = isFraction ? bound.fraction : bound.integer
      // Beyond the bound's integer digits the count decides; its fraction goes on with zeros.
      guard next.digits < digits.count else { return isFraction && digit > 0 ? .greater : order }
      return digit < digits[next.digits] ? .less : digit > digits[next.digits] ? .greater : .equal
    }
    next.low = compare(state.low, range(state).low)
    next.high = compare(state.high, range(state).high)
    next.digits += 1
    return next
  }

  /// The state with what the number of integer digits says.
  private func endOfInteger(_ state: State) -> State {
    var next = state
    let digits = state.place == .zero ? 0 : state.digits
    func compare(_ order: Order, _ bound: Bound?) -> Order {
      guard let bound, digits != bound.integer.count else { return order }
      return digits < bound.integer.count ? .less : .greater
    }
    next.low = compare(state.low, range(state).low)
    next.high = compare(state.high, range(state).high)
    return next
  }

  private func accepts(_ state: State) -> Bool {
    var ended = state
    switch state.place {
    case .exponent: return true
    case .zero, .integer:
      ended = endOfInteger(state)
      ended.digits = 0
    case .fraction: break
    default: return false
    }
    guard ended.remainder == 0 else { return false }
    /// Digits of the bound that the text does not have.
    func final(_ order: Order, _ bound: Bound) -> Order {
      order == .equal && ended.digits < bound.fraction.count ? .less : order
    }
    if let low = range(state).low {
      let order = final(ended.low, low)
      if order == .less || (order == .equal && low.isExclusive) { return false }
    }
    if let high = range(state).high {
      let order = final(ended.high, high)
      if order == .greater || (order == .equal && high.isExclusive) { return false }
    }
    return true
  }
}

/// A bound on numbers, in decimal.
struct DecimalBound {
  var isNegative: Bool
  /// Without leading zeros; of 0.5 there are none.
  let integer: [UInt8]
  /// Without trailing zeros.
  let fraction: [UInt8]
  var isExclusive: Bool

  var isZero: Bool { integer.isEmpty && fraction.isEmpty }

  var negated: DecimalBound {
    var result = self
    result.isNegative.toggle()
    return result
  }

  /// - Returns: `nil` for numbers that need more digits than can be compared exactly.
  init?(_ value: Double, isExclusive: Bool) {
    guard value.isFinite, abs(value) < 1e15 else { return nil }
    let text = Self.plainText(abs(value))
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var fraction = parts.count > 1 ? parts[1].utf8.map { $0 - UInt8(ascii: "0") } : []
    while fraction.last == 0 { fraction.removeLast() }
    integer = Array(parts[0].utf8.map { $0 - UInt8(ascii: "0") }.drop { $0 == 0 })
    guard integer.count + fraction.count <= NumberLanguage.exactDigits else { return nil }
    self.fraction = fraction
    isNegative = value < 0
    self.isExclusive = isExclusive
  }

  init(_ value: Int64, isExclusive: Bool) {
    let digits = Array(String(value.magnitude).utf8.map { $0 - UInt8(ascii: "0") })
    integer = value == 0 ? [] : digits
    fraction = []
    isNegative = value < 0
    self.isExclusive = isExclusive
  }

  /// The shortest decimal that reads back as the value, without exponent.
  private static func plainText(_ value: Double) -> String {
    let text = "\(value)"
    guard let mark = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: mark)...]) else { return text }
    let digits = text[..<mark].filter { $0 != "." }
    // Swift writes exponents below 1e-4 and above 2^53 only, and the latter are out of range here.
    return exponent < 0 ? "0." + String(repeating: "0", count: -exponent - 1) + digits : "\(digits)"
  }
}
