/// Rewrites a splitting expression so that PCRE2 gives it the meaning it has in Hugging Face `tokenizers`.
///
/// PCRE2 with Unicode properties lets `\s` match U+180E, which has not been White_Space since Unicode 6.3. White_Space
/// is exactly the separators (`\p{Z}`), U+0009-U+000D and U+0085.
enum PatternTranslation {
  private static let space = #"\p{Z}\x09-\x0d\x{85}"#

  /// - Returns: the translated expression, or nil if it uses nested or intersected character classes, which PCRE2 would
  ///   silently read as something else.
  static func translate(_ expression: String) -> String? {
    var result = String.UnicodeScalarView()
    var inClass = false
    var classStart = false
    var scalars = Array(expression.unicodeScalars)[...]
    while let scalar = scalars.popFirst() {
      let opensClass = classStart
      classStart = false
      switch scalar {
      case "\\":
        guard let escaped = scalars.popFirst() else {
          result.append(scalar)
          break
        }
        switch (escaped, inClass) {
        case ("s", true): result.append(contentsOf: space.unicodeScalars)
        case ("s", false): result.append(contentsOf: "[\(space)]".unicodeScalars)
        case ("S", true): result.append(contentsOf: #"\S\x{180e}"#.unicodeScalars)
        case ("S", false): result.append(contentsOf: #"[\S\x{180e}]"#.unicodeScalars)
        default: result.append(contentsOf: [scalar, escaped])
        }
      case "[" where !inClass:
        inClass = true
        classStart = true
        result.append(scalar)
      case "[" where scalars.first != ":":
        return nil
      case "&" where inClass && scalars.first == "&":
        return nil
      case "^" where opensClass:
        // A bracket right after "[^" is a member, as it is right after "[".
        classStart = true
        result.append(scalar)
      case "]" where inClass && !opensClass:
        // "[:alpha:]" ends with a bracket of its own, which the class survives.
        let closesName = result.last == ":" && Self.isInsideName(result)
        inClass = closesName
        result.append(scalar)
      default:
        result.append(scalar)
      }
    }
    return String(result)
  }

  private static func isInsideName(_ scalars: String.UnicodeScalarView) -> Bool {
    guard let open = scalars.lastIndex(of: "[") else { return false }
    let next = scalars.index(after: open)
    return next < scalars.index(before: scalars.endIndex) && scalars[next] == ":"
  }
}
