/// Python's string operations, on code points or on UTF-8.
///
/// Swift's own compare characters by canonical equivalence and count grapheme clusters; a template that asks for the
/// length of a text, or cuts it, must see what Python sees. Searching works on UTF-8, where a match is always a match
/// of whole code points.
enum PythonText {
  /// `str.isspace` for one code point.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  static func strip(
    _ scalars: [Unicode.Scalar], _ characters: [Unicode.Scalar]? = nil, left: Bool = true, right: Bool = true
  ) -> ArraySlice<Unicode.Scalar> {
    func isStripped(_ scalar: Unicode.Scalar) -> Bool { characters?.contains(scalar) ?? isSpace(scalar) }
    var slice = scalars[...]
    while left, let first = slice.first, isStripped(first) { slice.removeFirst() }
    while right, let last = slice.last, isStripped(last) { slice.removeLast() }
    return slice
  }

  static func strip(_ text: String, _ characters: String? = nil, left: Bool = true, right: Bool = true) -> String {
    let slice = strip(Array(text.unicodeScalars), characters.map { Array($0.unicodeScalars) }, left: left, right: right)
    return string(slice)
  }

  static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// The same code points: `==` on String would call "é" equal to "e" with an accent.
  static func equal(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

  /// Orders by code points, which UTF-8 preserves.
  static func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }

  static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

  static func hasSuffix(_ text: String, _ suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  /// Where `needle` begins in `text`, not overlapping, from the left; at most `limit` places.
  static func occurrences(of needle: [UInt8], in text: [UInt8], limit: Int = .max) -> [Int] {
    guard let first = needle.first, text.count >= needle.count else { return [] }
    var found: [Int] = []
    var index = 0
    while index <= text.count - needle.count, found.count < limit {
      if text[index] == first, text[index..<index + needle.count].elementsEqual(needle) {
        found.append(index)
        index += needle.count
      } else {
        index += 1
      }
    }
    return found
  }

  static func contains(_ text: String, _ needle: String) -> Bool {
    needle.utf8.isEmpty || !occurrences(of: Array(needle.utf8), in: Array(text.utf8), limit: 1).isEmpty
  }

  /// `str.find`: the code point at which `needle` begins, or -1.
  static func find(_ text: String, _ needle: String, last: Bool = false) -> Int {
    let bytes = Array(text.utf8)
    var pattern = Array(needle.utf8)
    if pattern.isEmpty { return last ? text.unicodeScalars.count : 0 }
    if last { pattern.reverse() }
    let places = occurrences(of: pattern, in: last ? bytes.reversed() : bytes, limit: 1)
    guard let place = places.first else { return -1 }
    let start = last ? bytes.count - place - pattern.count : place
    return bytes[..<start].count { $0 & 0xC0 != 0x80 }
  }

  static func count(_ text: String, _ needle: String) -> Int {
    if needle.utf8.isEmpty { return text.unicodeScalars.count + 1 }
    return occurrences(of: Array(needle.utf8), in: Array(text.utf8)).count
  }

  /// `str.split(separator, limit)` or, without a separator, the words between white space.
  static func split(_ text: String, separator: String?, limit: Int, fromRight: Bool = false) -> [String] {
    let limit = limit < 0 ? Int.max : limit
    guard let separator else { return words(text, limit: limit, fromRight: fromRight) }
    var bytes = Array(text.utf8)
    var pattern = Array(separator.utf8)
    if fromRight {
      bytes.reverse()
      pattern.reverse()
    }
    var parts: [[UInt8]] = []
    var start = 0
    for place in occurrences(of: pattern, in: bytes, limit: limit) {
      parts.append(Array(bytes[start..<place]))
      start = place + pattern.count
    }
    parts.append(Array(bytes[start...]))
    if fromRight { parts = parts.reversed().map { $0.reversed() } }
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }

  private static func words(_ text: String, limit: Int, fromRight: Bool) -> [String] {
    var rest = strip(Array(text.unicodeScalars))
    var parts: [String] = []
    while !rest.isEmpty {
      let place = fromRight ? rest.lastIndex(where: isSpace) : rest.firstIndex(where: isSpace)
      guard parts.count < limit, let place else {
        parts.append(string(rest))
        break
      }
      parts.append(string(fromRight ? rest[(place + 1)...] : rest[..<place]))
      rest = strip(Array(fromRight ? rest[..<place] : rest[(place + 1)...]), left: !fromRight, right: fromRight)
    }
    return fromRight ? parts.reversed() : parts
  }

  /// `str.splitlines`, or with `keepEnds` the same parts with their line ends.
  static func lines(_ text: String, keepEnds: Bool = false) -> [String] {
    var parts: [String] = []
    var current: [Unicode.Scalar] = []
    let scalars = Array(text.unicodeScalars)
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      guard isLineEnd(scalar) else {
        current.append(scalar)
        continue
      }
      var end = [scalar]
      if scalar == "\r", index < scalars.count, scalars[index] == "\n" {
        end.append("\n")
        index += 1
      }
      parts.append(string(keepEnds ? current + end : current))
      current = []
    }
    if !current.isEmpty { parts.append(string(current)) }
    return parts
  }

  private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// `str.replace`; an empty `old` matches between all code points, as in Python.
  static func replace(_ text: String, _ old: String, with new: String, limit: Int = -1) -> String {
    let limit = limit < 0 ? Int.max : limit
    if old.utf8.isEmpty {
      var result = ""
      var left = limit
      for scalar in text.unicodeScalars {
        if left > 0 {
          result += new
          left -= 1
        }
        result.unicodeScalars.append(scalar)
      }
      return left > 0 ? result + new : result
    }
    return split(text, separator: old, limit: limit).joined(separator: new)
  }

  static func lower(_ text: String) -> String { map(text) { $0.properties.lowercaseMapping } }
  static func upper(_ text: String) -> String { map(text) { $0.properties.uppercaseMapping } }

  /// `str.capitalize`: the first code point in title case, the rest in lower case.
  static func capitalize(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + lower(string(text.unicodeScalars.dropFirst()))
  }

  /// `str.title`: a capital after everything that has no case.
  static func title(_ text: String) -> String {
    var afterCased = false
    return map(text) { scalar in
      defer { afterCased = scalar.properties.isCased }
      return afterCased ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
    }
  }

  /// Jinja's `title` filter: a capital after white space, a hyphen or an opening bracket only.
  static func titleFilter(_ text: String) -> String {
    var isStart = true
    return map(text) { scalar in
      defer { isStart = isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) }
      return isStart ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
    }
  }

  private static func map(_ text: String, _ transform: (Unicode.Scalar) -> String) -> String {
    var result = ""
    for scalar in text.unicodeScalars { result += transform(scalar) }
    return result
  }

  /// MarkupSafe's `escape`.
  static func escapeMarkup(_ text: String) -> String {
    map(text) { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "'": "&#39;"
      case "\"": "&#34;"
      default: String(scalar)
      }
    }
  }
}
