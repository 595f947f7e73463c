/// Tokens that go through the model together, and what each of them sees.
package struct TrainingPass: Sendable {
  /// The token of each row.
  package var tokens: [Int] = []
  /// The position of each row in its document, for the rotary embedding.
  package var positions: [Int] = []
  /// Which rows attend to which.
  package var groups: [AttentionGroup] = []
  /// What is to be predicted, by row.
  package var targets: [Target] = []

  package init() {}

  /// A token that a row of the pass should predict.
  package struct Target: Sendable {
    /// The row whose logits predict.
    package let row: Int
    /// The token that is right.
    package let token: Int

    package init(row: Int, token: Int) {
      self.row = row
      self.token = token
    }
  }
}

/// Neighbouring rows that attend to the same stretches of rows.
package struct AttentionGroup: Sendable, Equatable {
  /// The rows that attend.
  package let queries: Range<Int>
  /// The rows that are attended to, stretch after stretch.
  package let keys: [Range<Int>]
  /// How many of the keys, from the first on, each query sees.
  package let seen: [Int]

  package init(queries: Range<Int>, keys: [Range<Int>], seen: [Int]) {
    self.queries = queries
    self.keys = keys
    self.seen = seen
  }

  /// A document whose every token sees those before it and itself.
  package static func causal(_ rows: Range<Int>) -> AttentionGroup {
    AttentionGroup(queries: rows, keys: [rows], seen: Array(1...max(1, rows.count)))
  }
}
