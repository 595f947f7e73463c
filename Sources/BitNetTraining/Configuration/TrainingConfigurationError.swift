/// Why a training run cannot be configured: everything that is wrong, one sentence for each.
public struct TrainingConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// One thing that is wrong.
  public struct Problem: Sendable, Hashable, CustomStringConvertible {
    /// The file, with the line if known, or the override.
    public let place: String
    /// The path of the key, such as `optimizer.lr_muon`; empty for the file as a whole.
    public let key: String
    /// What was found, what is allowed, and what may have been meant.
    public let text: String

    /// The problem as a sentence.
    public var description: String { key.isEmpty ? "\(place): \(text)" : "\(place): \(key) \(text)" }
  }

  /// What is wrong, in the order in which it was met.
  public let problems: [Problem]

  init(_ problems: [Problem]) { self.problems = problems }

  /// The problems, one to a line.
  public var description: String { problems.map(\.description).joined(separator: "\n") }
}
