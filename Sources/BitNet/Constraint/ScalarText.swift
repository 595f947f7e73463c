/// How scalars are written inside the quotes of a JSON string (RFC 8259, section 7).
enum ScalarText {
  /// Which of the ways to write a character are taken.
  enum Spelling {
    /// Itself, or the shortest escape where JSON demands one: exactly one way, so that equal keys have equal bytes.
    case unique
    /// The ways that `json.dumps` knows: as `unique`, or `\uXXXX` beyond ASCII.
    case asWritten
    /// Every way that JSON has.
    case any
  }

  /// The characters that JSON demands an escape for.
  private static let escaped = ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C])
  private static let shortEscapes: [(scalar: UInt32, letter: String)] = [
    (0x22, "\""), (0x5C, "\\"), (0x08, "b"), (0x0C, "f"), (0x0A, "n"), (0x0D, "r"), (0x09, "t"),
  ]

  /// The texts of one character of the set.
  static func regular(_ set: ScalarSet, _ spelling: Spelling) -> Regular {
    var ways = set.intersection(escaped.complement).ranges.flatMap(utf8)
    for (scalar, letter) in shortEscapes where set.ranges.contains(where: { $0.contains(scalar) }) {
      ways.append(.text("\\" + letter))
    }
    switch spelling {
    case .unique, .asWritten:
      let short = ScalarSet(shortEscapes.map { $0.scalar...$0.scalar })
      let controls = set.intersection(ScalarSet([0...0x1F])).intersection(short.complement)
      ways += controls.ranges.flatMap { hexadecimal($0, lowercase: true) }
      if spelling == .asWritten {
        ways += set.intersection(ScalarSet([0x80...0x10FFFF])).ranges.flatMap { hexadecimal($0) }
      }
    case .any:
      if set.ranges.contains(where: { $0.contains(0x2F) }) { ways.append(.text("\\/")) }
      ways += set.ranges.flatMap { hexadecimal($0) }
    }
    return .choice(ways)
  }

  /// The UTF-8 sequences of a range.
  private static func utf8(_ range: ClosedRange<UInt32>) -> [Regular] {
    let lengths: [(range: ClosedRange<UInt32>, lead: Int)] = [
      (0...0x7F, 0), (0x80...0x7FF, 0xC0), (0x800...0xFFFF, 0xE0), (0x1_0000...0x10_FFFF, 0xF0),
    ]
    return lengths.enumerated().flatMap { index, length -> [Regular] in
      guard length.range.overlaps(range) else { return [] }
      let part = range.clamped(to: length.range)
      return digitRanges(Int(part.lowerBound)...Int(part.upperBound), radix: index == 0 ? 128 : 64, count: index + 1)
        .map {
          .sequence(
            $0.enumerated().map { place, digits in
              let offset = place == 0 ? length.lead : 0x80
              return .bytes(ByteSet(digits.map { UInt8($0 + offset) }))
            })
        }
    }
  }

  /// The `\uXXXX` sequences of a range; pairs of surrogates beyond the basic plane.
  private static func hexadecimal(_ range: ClosedRange<UInt32>, lowercase: Bool = false) -> [Regular] {
    func unit(_ range: ClosedRange<Int>) -> Regular {
      .choice(
        digitRanges(range, radix: 16, count: 4).map { digits in
          .sequence([.text("\\u")] + digits.map { .bytes(hexadecimalDigits($0, lowercase: lowercase)) })
        })
    }
    var ways: [Regular] = []
    if range.lowerBound <= 0xFFFF { ways.append(unit(Int(range.lowerBound)...Int(min(range.upperBound, 0xFFFF)))) }
    if range.upperBound > 0xFFFF {
      let pairs = (Int(max(range.lowerBound, 0x1_0000)) - 0x1_0000)...(Int(range.upperBound) - 0x1_0000)
      for digits in digitRanges(pairs, radix: 1024, count: 2) {
        ways.append(
          .sequence([
            unit((digits[0].lowerBound + 0xD800)...(digits[0].upperBound + 0xD800)),
            unit((digits[1].lowerBound + 0xDC00)...(digits[1].upperBound + 0xDC00)),
          ]))
      }
    }
    return ways
  }

  private static func hexadecimalDigits(_ range: ClosedRange<Int>, lowercase: Bool) -> ByteSet {
    let texts = range.map { String($0, radix: 16) }
    return ByteSet((lowercase ? texts : texts + texts.map { $0.uppercased() }).flatMap(\.utf8))
  }

  /// The numbers of a range, written with `count` digits, as products of ranges of digits.
  static func digitRanges(_ range: ClosedRange<Int>, radix: Int, count: Int) -> [[ClosedRange<Int>]] {
    guard count > 1 else { return [[range]] }
    let unit = (1..<count).reduce(1) { product, _ in product * radix }
    var first = range.lowerBound / unit
    var last = range.upperBound / unit
    func rests(_ lead: Int, _ rest: ClosedRange<Int>) -> [[ClosedRange<Int>]] {
      digitRanges(rest, radix: radix, count: count - 1).map { [lead...lead] + $0 }
    }
    if first == last { return rests(first, (range.lowerBound % unit)...(range.upperBound % unit)) }
    var result: [[ClosedRange<Int>]] = []
    if range.lowerBound % unit != 0 {
      result += rests(first, (range.lowerBound % unit)...(unit - 1))
      first += 1
    }
    if range.upperBound % unit != unit - 1 {
      result += rests(last, 0...(range.upperBound % unit))
      last -= 1
    }
    if first <= last {
      result.append([first...last] + Array(repeating: 0...(radix - 1), count: count - 1))
    }
    return result
  }
}
