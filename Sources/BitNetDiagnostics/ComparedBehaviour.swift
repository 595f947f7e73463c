import BitNet
import Tokenization

/// Tokens that logits are compared on, and the text that they come from.
struct TokenSequence {
  var text: String?
  var tokens: [Int]
}

extension TokenSequence {
  /// The sequences that the options ask for, cut to what both contexts hold; without those that only one vocabulary can
  /// express.
  ///
  /// - Throws: `ModelError` when there is nothing to compare on.
  static func make(_ options: Comparison.Options, for models: [Model], notes: inout [String]) throws -> [TokenSequence]
  {
    var sequences: [TokenSequence]
    let vocabulary = models.map(\.configuration.vocabularySize).min() ?? 1
    if let tokens = options.tokens {
      sequences = [TokenSequence(tokens: tokens)]
    } else if let tokenizer = models.lazy.compactMap(\.tokenizer).first {
      let texts = options.prompts.isEmpty ? Comparison.defaultPrompts : options.prompts
      sequences = texts.map { TokenSequence(text: $0, tokens: tokenizer.encode($0)) }
    } else {
      guard options.prompts.isEmpty else { throw ModelError.missingTokenizer(file: models[0].checkpoint.path) }
      notes.append("no tokenizer: logits are compared on arbitrary tokens")
      sequences = [TokenSequence(tokens: (0..<32).map { ($0 * 7919 + 1) % vocabulary })]
    }
    let known = sequences.filter { $0.tokens.allSatisfy((0..<vocabulary).contains) }
    if known.count < sequences.count {
      if let unknown = options.tokens?.first(where: { !(0..<vocabulary).contains($0) }) {
        throw ModelError.invalidToken(unknown, vocabularySize: vocabulary)
      }
      notes.append("\(sequences.count - known.count) texts have tokens that only one vocabulary has: not compared")
    }
    return try known.map { try $0.cut(to: models.map(\.contextLength).min() ?? 1, notes: &notes) }
  }

  private func cut(to context: Int, notes: inout [String]) throws -> TokenSequence {
    guard !tokens.isEmpty else { throw ModelError.emptyPrompt }
    guard tokens.count > context else { return self }
    notes.append("a text of \(tokens.count) tokens is cut to the context of \(context)")
    return TokenSequence(text: text, tokens: Array(tokens.prefix(context)))
  }
}

extension TokenSequence {
  /// So many tokens are computed between two looks at their logits: a vocabulary is wide.
  static let step = 32

  /// The one text or token list of commands that take one.
  ///
  /// - Throws: `ModelError` when a text is given and there is no tokenizer, or for an empty one.
  static func single(prompt: String?, tokens: [Int]?, model: Model) throws -> TokenSequence {
    let text = tokens == nil ? prompt ?? Comparison.defaultPrompts[0] : nil
    let sequence: TokenSequence
    if let text {
      guard let tokenizer = model.tokenizer else { throw ModelError.missingTokenizer(file: model.checkpoint.path) }
      sequence = TokenSequence(text: text, tokens: tokenizer.encode(text))
    } else {
      sequence = TokenSequence(tokens: tokens ?? [])
    }
    guard !sequence.tokens.isEmpty else { throw ModelError.emptyPrompt }
    return sequence
  }

  /// Calls `body` with the logits after every token, in order.
  ///
  /// - Throws: `ModelError`, `CancellationError`, and what `body` throws.
  func forEachLogits(
    _ session: Session, progress: (String) -> Void, isCancelled: () -> Bool,
    _ body: (_ position: Int, _ logits: [Float]) throws -> Void
  ) throws {
    for start in stride(from: 0, to: tokens.count, by: Self.step) {
      let end = min(start + Self.step, tokens.count)
      progress("token \(end)/\(tokens.count)")
      var rows: [[Float]] = []
      try session.evaluate(
        Array(tokens[..<end]), isCancelled: isCancelled, eachLogits: { _, logits in rows.append(logits) })
      for (offset, logits) in rows.enumerated() { try body(start + offset, logits) }
    }
  }
}

/// Where the hidden states of two models part.
public struct HiddenComparison: Sendable, Codable {
  /// `||a - b|| / ||a||` of the residual stream: first after the embedding, then after every block.
  public var relative: [Double]
  /// What counts as noise.
  public var tolerance: Double
  /// The first block after which the states differ by more than noise; -1 for the embedding, `nil` if they never do.
  public var partsAtLayer: Int?
  /// The tensor of that block that differs most; `nil` if none does.
  public var tensor: String?
}

/// What two models make of the same tokens.
struct ComparedBehaviour {
  let hidden: HiddenComparison?
  let logits: LogitsComparison

  /// - Parameter rounding: the largest relative difference of tensors that is put down to how they are stored.
  init(
    _ models: [Model], _ sequences: [TokenSequence], rounding: Double, tolerance: Double?, progress: (String) -> Void,
    isCancelled: () -> Bool
  ) throws {
    let layers = models.map(\.configuration.layerCount).min() ?? 0
    let hasHidden = Set(models.map(\.configuration.hiddenSize)).count == 1
    var sums = Array(repeating: PairSums(), count: layers + 1)
    let allowed = tolerance ?? max(Comparison.behaviourTolerance, 2 * rounding)
    var positions: [PositionComparison] = []
    let tokenizer = models.lazy.compactMap(\.tokenizer).first
    for (index, sequence) in sequences.enumerated() {
      let sessions = models.map { $0.makeSession() }
      for start in stride(from: 0, to: sequence.tokens.count, by: TokenSequence.step) {
        let end = min(start + TokenSequence.step, sequence.tokens.count)
        progress("text \(index + 1)/\(sequences.count), token \(end)/\(sequence.tokens.count)")
        var recorded: [(hidden: [[[Float]]], logits: [[Float]])] = []
        for session in sessions {
          var hidden = Array(repeating: [[Float]](), count: layers + 1)
          var rows: [[Float]] = []
          try session.evaluate(
            Array(sequence.tokens[..<end]), isCancelled: isCancelled,
            observe: { _, layer, state in if layer < layers { hidden[layer + 1].append(state) } },
            eachLogits: { _, row in rows.append(row) })
          recorded.append((hidden, rows))
        }
        if hasHidden {
          for layer in 0...layers {
            for (a, b) in zip(recorded[0].hidden[layer], recorded[1].hidden[layer]) { sums[layer].add(PairSums(a, b)) }
          }
        }
        for (offset, pair) in zip(recorded[0].logits, recorded[1].logits).enumerated() {
          positions.append(
            PositionComparison(
              sequence: index, position: start + offset, token: sequence.tokens[start + offset],
              text: tokenizer?.text(of: sequence.tokens[start + offset]), a: pair.0, b: pair.1))
        }
      }
    }
    logits = LogitsComparison(positions, tolerance: allowed)
    hidden = hasHidden ? HiddenComparison(sums.map(\.relative), tolerance: allowed) : nil
  }
}

extension HiddenComparison {
  init(_ relative: [Double], tolerance: Double) {
    self.relative = relative
    self.tolerance = tolerance
    partsAtLayer = relative.firstIndex { !($0 <= tolerance) }.map { $0 - 1 }
  }
}
