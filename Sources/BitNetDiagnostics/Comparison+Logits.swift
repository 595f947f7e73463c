public import BitNet
import ModelFormats
import Tokenization

extension Comparison {
  /// Compares a model's logits with those that another program wrote to a `.npy` file, `[positions, vocabulary]`.
  ///
  /// Only the last position is compared where the file has one row.
  ///
  /// - Throws: `FormatError` for a file that cannot be read, ``ComparisonError`` when its shape is not that of the
  ///   model's logits; `ModelError`, `CancellationError`.
  public init(
    of checkpoint: Checkpoint, withLogits path: String, options: Options = Options(),
    progress: (String) -> Void = { _ in }, isCancelled: () -> Bool = { false }
  ) throws {
    let array = try NPYFile(path: path).tensor
    progress("loading")
    let model = try Model(checkpoint: checkpoint, options: .init(mode: options.mode, threads: options.threads))
    let sequence = try TokenSequence.single(prompt: options.prompts.first, tokens: options.tokens, model: model)
    let count = sequence.tokens.count, vocabulary = model.configuration.vocabularySize
    let leading = array.shape.dropLast(2)
    guard array.shape.count <= 3, leading.allSatisfy({ $0 == 1 }), array.rows == count || array.rows == 1 else {
      throw ComparisonError.positions(file: path, found: array.shape, tokens: count)
    }
    guard array.columns == vocabulary || abs(array.columns - vocabulary) <= vocabulary / 8 else {
      throw ComparisonError.vocabulary(file: path, found: array.shape, vocabulary: vocabulary)
    }
    var notes: [String] = []
    if array.columns != vocabulary {
      notes.append("\(array.columns) against \(vocabulary) columns: the tokens that both have are compared")
    }
    let ours = try DumpedLogits(model, sequence, array, options, progress: progress, isCancelled: isCancelled)
    var remark: String?
    if !ours.comparison.isSame { remark = try LogitsPattern(ours.rows, array)?.text }
    if !ours.comparison.isSame, remark == nil {
      // The commonest cause that no file shows: the other program computed in another mode.
      var best = Double.infinity
      for mode in QuantizationMode.allCases where mode != model.mode {
        progress("mode \(mode.rawValue)")
        let other = try DumpedLogits(
          model.inMode(mode), sequence, array, options, progress: progress, isCancelled: isCancelled)
        guard other.comparison.isSame, let most = other.comparison.worst?.relative, most < best else { continue }
        best = most
        remark = "B has the logits of mode \(mode.rawValue), not \(model.mode.rawValue)"
      }
    }
    self.init(logits: ours.comparison, a: checkpoint.path, b: path, remark: remark, notes: notes)
  }

  init(logits: LogitsComparison, a: String, b: String, remark: String?, notes: [String]) {
    let differences =
      logits.isSame
      ? [] : [ComparisonDifference(code: .logits, sentence: (remark.map { $0 + ": " } ?? "") + logits.sentence)]
    self.init(
      a: a, b: b, isSame: logits.isSame, conclusion: differences.first?.sentence ?? logits.agreement,
      differences: differences, settings: [], tensors: [], logits: logits, notes: notes)
  }
}

/// A model's logits beside those of a file.
private struct DumpedLogits {
  /// The model's.
  var rows: [[Float]] = []
  var comparison: LogitsComparison

  /// - Parameter array: as many rows as the sequence has tokens, or one for the last of them.
  init(
    _ model: Model, _ sequence: TokenSequence, _ array: Tensor, _ options: Comparison.Options,
    progress: (String) -> Void, isCancelled: () -> Bool
  ) throws {
    let first = sequence.tokens.count - array.rows
    var rows: [[Float]] = []
    var positions: [PositionComparison] = []
    try sequence.forEachLogits(model.makeSession(), progress: progress, isCancelled: isCancelled) { position, logits in
      guard position >= first else { return }
      positions.append(
        PositionComparison(
          sequence: 0, position: position, token: sequence.tokens[position],
          text: model.tokenizer?.text(of: sequence.tokens[position]), a: logits,
          b: try array.floats(rows: position - first..<position - first + 1)))
      rows.append(logits)
    }
    self.rows = rows
    comparison = LogitsComparison(positions, tolerance: options.tolerance ?? Comparison.behaviourTolerance)
  }
}

/// What a difference of logits looks like.
private enum LogitsPattern {
  /// The second are the first times a factor.
  case scaled(Double)
  /// The second are the first by so many positions later.
  case shifted(Int)

  var text: String {
    switch self {
    case .scaled(let factor): "logits are multiplied by \(significant(factor))"
    case .shifted(let count): "logits are shifted by one position (\(count > 0 ? "late" : "early"))"
    }
  }

  init?(_ ours: [[Float]], _ theirs: Tensor) throws {
    var total = PairSums()
    for (row, logits) in ours.enumerated() { total.add(PairSums(logits, try theirs.floats(rows: row..<row + 1))) }
    if total.fit.residual < 0.03, abs(total.fit.factor - 1) > 0.01 {
      self = .scaled(total.fit.factor)
      return
    }
    for step in [1, -1] where ours.count > 2 {
      var total = PairSums()
      for row in ours.indices where ours.indices.contains(row + step) {
        total.add(PairSums(ours[row], try theirs.floats(rows: row + step..<row + step + 1)))
      }
      if total.relative < 0.05 {
        self = .shifted(step)
        return
      }
    }
    return nil
  }
}

/// Why something cannot be compared.
public enum ComparisonError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A file of logits has other positions than the tokens.
  case positions(file: String, found: [Int], tokens: Int)
  /// A file of logits has another vocabulary than the model.
  case vocabulary(file: String, found: [Int], vocabulary: Int)
  /// A server's answer is not what was asked for.
  case server(address: String, problem: String)

  /// The sentence that a user reads.
  public var description: String {
    switch self {
    case .positions(let file, let found, let tokens):
      "\(file): has the shape \(found), expected [\(tokens), vocabulary] for the \(tokens) tokens. Give the same text to "
        + "both programs, or the other's token ids with --tokens (mind a token that begins the text)."
    case .vocabulary(let file, let found, let vocabulary):
      "\(file): has the shape \(found), expected \(vocabulary) columns, the model's vocabulary."
    case .server(let address, let problem): "\(address): \(problem)."
    }
  }
}
