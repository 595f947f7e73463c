/// What is wrong with a file: in which file, at which tensor or key, what was found, and what to do about it.
///
/// The description is a sentence for the user, such as `model.gguf: tensor blk.3.attn_q.weight ends at byte 812,345,
/// but the file has 800,000. The download may be incomplete: fetch it again.`
public struct FormatError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kind of trouble.
  public let code: Code
  /// The path of the file, or the name given to bytes that come from no file.
  public let file: String
  /// The tensor or key that the trouble is at.
  public let subject: Subject?
  /// Where in the file the trouble is, in bytes.
  public let offset: Int?
  /// What is wrong, to be read after the subject: "has the unknown type 77".
  public let problem: String
  /// The offending value, where there is one to quote.
  public let found: String?
  /// What would have been right.
  public let expected: String?
  /// What the user can do.
  public let remedy: String?

  /// The named part of a file.
  public enum Subject: Sendable, Hashable, CustomStringConvertible {
    /// A tensor.
    case tensor(String)
    /// A metadata key, or a path of keys in a JSON file.
    case key(String)

    /// "tensor x" or "key y".
    public var description: String {
      switch self {
      case .tensor(let name): "tensor \(printable(name))"
      case .key(let name): "key \(printable(name))"
      }
    }
  }

  package init(
    _ code: Code, file: String, subject: Subject? = nil, offset: Int? = nil, _ problem: String, found: String? = nil,
    expected: String? = nil, remedy: String? = nil
  ) {
    self.code = code
    self.file = file
    self.subject = subject
    self.offset = offset
    self.problem = problem
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }

  /// The whole trouble as a sentence, followed by the remedy as another.
  public var description: String {
    var text = "\(file): "
    if let subject { text += "\(subject) " }
    text += problem
    if let found { text += ": found \(found)" }
    if let expected { text += found == nil ? ": expected \(expected)" : ", expected \(expected)" }
    if let offset { text += " (at byte \(grouped(offset)))" }
    text += "."
    if let remedy { text += " \(remedy)" }
    return text
  }
}

extension FormatError {
  /// The kinds of trouble. A struct, so that a new kind breaks nobody's `switch`.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Kind: String {
      case unreadable, otherFormat, unsupportedVersion, unsupportedType, truncated, malformed, missing, wrongType,
        tooLarge, unwritable
    }
    private let kind: Kind

    /// The file cannot be opened or read.
    public static let unreadable = Code(kind: .unreadable)
    /// The file is of another format than its name or use says.
    public static let otherFormat = Code(kind: .otherFormat)
    /// The format is right, its version is not.
    public static let unsupportedVersion = Code(kind: .unsupportedVersion)
    /// A tensor is stored in a type that is not read here.
    public static let unsupportedType = Code(kind: .unsupportedType)
    /// The file ends too early.
    public static let truncated = Code(kind: .truncated)
    /// The file contradicts its format.
    public static let malformed = Code(kind: .malformed)
    /// A file, tensor or key is missing.
    public static let missing = Code(kind: .missing)
    /// A value has another type than its key demands.
    public static let wrongType = Code(kind: .wrongType)
    /// The file cannot be created or written.
    public static let unwritable = Code(kind: .unwritable)
    /// A size is more than can be handled.
    public static let tooLarge = Code(kind: .tooLarge)

    /// The name of the kind.
    public var description: String { kind.rawValue }
  }
}

extension FormatError {
  static let fetchAgain = "The download may be incomplete: fetch it again."
  static let damaged = "The file is damaged: fetch or convert it again."
}

/// `text` without control characters and of bounded length: names come from files that may be damaged.
package func printable(_ text: String) -> String {
  var result = ""
  for (index, scalar) in text.unicodeScalars.enumerated() {
    guard index < 100 else { return result + "…" }
    let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
    result.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
  }
  return result
}

/// The number with its digits in groups of three: `812,345`.
package func grouped(_ number: some BinaryInteger) -> String {
  let digits = Array(String(number.magnitude))
  var result = number < 0 ? "-" : ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index).isMultiple(of: 3) { result.append(",") }
    result.append(digit)
  }
  return result
}
