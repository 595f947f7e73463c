import ModelFormats

/// Why a tokenizer could not be built.
public enum TokenizationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file cannot be read or is damaged; `reason` says how.
  case unreadable(file: String, reason: String)
  /// A key or file that is needed is not there.
  case missing(file: String, key: String, remedy: String)
  /// A value is there and makes no sense.
  case invalid(file: String, key: String, found: String, expected: String)
  /// A value is understood to be something this library does not do.
  case unsupported(file: String, key: String, found: String, supported: [String])

  /// A vocabulary cannot be learnt as asked for; `reason` says why, and what to change.
  case untrainable(reason: String)

  /// One sentence that names the file, the key, what was found and what can be done.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "\(file): \(reason)"
    case .missing(let file, let key, let remedy):
      "\(file): \(key) is missing; \(remedy)"
    case .invalid(let file, let key, let found, let expected):
      "\(file): \(printable(key)) is \(printable(found)), expected \(expected); the file is damaged or was written by a faulty converter"
    case .untrainable(let reason):
      reason
    case .unsupported(let file, let key, let found, let supported):
      "\(file): \(printable(key)) is \(printable(found)), which is not supported; supported: \(supported.joined(separator: ", "))"
    }
  }
}
