import Tokenization

/// Chooses the tokens of one sequence: as it is sampled, and so that it conforms to its constraint, if it has one. Where the
/// room for a constrained text gets short, the shortest conforming rest is written.
package struct TokenChooser {
  private var sampler: Sampler
  private let constraint: JSONConstraint?
  private var state: JSONConstraint.State?
  /// Tokens that complete the text, for which there would be no more room later.
  private var completion: ArraySlice<Int>?

  /// - Parameter promptCount: how many tokens of the sequence were given.
  package init(_ sampling: Sampling, promptCount: Int, constraint: JSONConstraint?) {
    sampler = Sampler(sampling, promptCount: promptCount)
    self.constraint = constraint
    state = constraint?.start()
  }

  /// How many of the likeliest tokens decide; `nil` when all do.
  package var neededTokens: Int? { state == nil ? sampler.neededTokens : nil }

  /// Whether the text conforms to its constraint and is to end here.
  package var isComplete: Bool { state?.isComplete ?? false || completion?.isEmpty ?? false }

  /// The next token.
  ///
  /// - Parameters:
  ///   - logits: of a set that contains the ``neededTokens`` likeliest.
  ///   - recent: the sequence so far, for the penalties.
  ///   - left: how many tokens there is room for, this one included.
  ///   - file: the model, for the error.
  /// - Returns: the token; `nil` if the text is complete without.
  /// - Throws: ``ModelError/noAllowedToken(file:)``.
  package mutating func next(
    _ logits: [TokenLogit], recent: [Int], left: Int, file: String
  ) throws(ModelError) -> Int? {
    guard let constraint, let state else { return sampler.next(logits, recent: recent) }
    let mask = state.allowedTokens()
    var token = sampler.next(logits, recent: recent, isAllowed: mask.contains)
    guard mask.contains(token) else { throw .noAllowedToken(file: file) }
    completion = completion ?? constraint.shortestCompletion(of: state, after: token, left: left)?[...]
    if completion != nil {
      guard let next = completion?.popFirst() else { return nil }
      token = next
    }
    self.state?.advance(by: token)
    return token
  }
}

extension JSONConstraint {
  /// The shortest rest of a text, if the room that is left would not do for it behind `token`.
  fileprivate func shortestCompletion(of state: State, after token: Int, left: Int) -> [Int]? {
    func rest(_ state: State) -> [Int]? { tokens.tokens(for: state.forcedCompletion()) }
    var next = state
    guard next.advance(by: token), let further = rest(next), further.count > left - 1 else { return nil }
    return rest(state)
  }
}

extension Model {
  /// What ``GenerationOptions/constraint`` takes to make the model write JSON that conforms to a schema.
  ///
  /// Reading the vocabulary takes a moment: make it once and use it for all texts. Constraints to several schemas can share
  /// one ``TokenTrie``.
  ///
  /// - Throws: ``ModelError/missingTokenizer(file:)``.
  public func constraint(to schema: JSONSchema) throws -> JSONConstraint {
    let tokens = TokenTrie(try requiredTokenizer(), vocabularySize: configuration.vocabularySize)
    return JSONConstraint(schema, tokens: tokens)
  }
}
