/// One thing that was concluded about a model: a stable code, the evidence, and what to do next.
public struct Finding: Sendable, Codable, Hashable {
  /// How strongly the evidence supports the conclusion.
  public enum Certainty: String, Sendable, Codable {
    /// The evidence leaves no other explanation that is known.
    case certain
    /// The evidence points there; another explanation is possible.
    case likely
    /// The evidence does not suffice.
    case open
  }

  /// How much it matters to somebody who wants to use the model.
  public enum Severity: String, Sendable, Codable, CaseIterable, Comparable {
    /// A property of the model, no fault.
    case info
    /// The model works, but not as well or not everywhere as it should.
    case warning
    /// The model cannot be used as it is, or says something else than it was trained to.
    case error

    /// By gravity.
    public static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }

    private var rank: Int { Severity.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The code; it never changes its meaning.
  public var code: Code
  /// The conclusion in a few words.
  public var title: String
  /// How much it matters.
  public var severity: Severity
  /// How sure it is.
  public var certainty: Certainty
  /// The tensors that it is about, by canonical name; empty if it is about the model as a whole.
  public var tensors: [String]
  /// The figures that led to it, as sentences.
  public var evidence: [String]
  /// What to do next, as sentences with commands.
  public var nextSteps: [String]

  /// - Parameters:
  ///   - severity: `nil` takes what the code usually has.
  ///   - tensors: those that it is about.
  package init(
    code: Code, certainty: Certainty, severity: Severity? = nil, tensors: [String] = [], evidence: [String],
    nextSteps: [String]
  ) {
    self.code = code
    title = code.title
    self.severity = severity ?? code.severity
    self.certainty = certainty
    self.tensors = tensors
    self.evidence = evidence
    self.nextSteps = nextSteps
  }
}
