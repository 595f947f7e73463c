public import BitNet
import ModelFormats
import Tokenization

/// Logits that were written to a file.
public struct LogitsDump: Sendable, Codable {
  /// The path of the model.
  public var model: String
  /// The arithmetic.
  public var mode: QuantizationMode
  /// The file, float32 `[positions, vocabulary]`.
  public var file: String
  /// The token ids.
  public var tokens: [Int]
  /// `[positions, vocabulary]`.
  public var shape: [Int]
  /// The five likeliest tokens after the last one.
  public var top: [TokenProbability]
}

extension LogitsDump {
  /// Runs a text or tokens through a model and writes the logits after every token.
  ///
  /// - Parameters:
  ///   - prompt: the text; without text and tokens, the first of ``Comparison/defaultPrompts``.
  ///   - tokens: token ids instead of a text.
  ///   - lastOnly: writes the last position alone.
  ///   - path: a `.npy` file, which appears when it is whole, in the place of a file of that name.
  /// - Throws: `ModelError`, `FormatError` when the file cannot be written, `CancellationError`.
  public init(
    of model: Model, prompt: String? = nil, tokens: [Int]? = nil, lastOnly: Bool = false, to path: String,
    progress: (String) -> Void = { _ in }, isCancelled: () -> Bool = { false }
  ) throws {
    let sequence = try TokenSequence.single(prompt: prompt, tokens: tokens, model: model)
    let count = sequence.tokens.count
    guard count <= model.contextLength else {
      throw ModelError.contextExceeded(tokens: count, contextLength: model.contextLength)
    }
    let rows = lastOnly ? 1 : count
    let vocabulary = model.configuration.vocabularySize
    let writer = try NPYWriter(path: path, rows: rows, columns: vocabulary)
    let session = model.makeSession()
    var lastRow: [Float] = []
    if lastOnly {
      lastRow = try session.logits(after: sequence.tokens, isCancelled: isCancelled)
      try writer.append(row: lastRow)
    } else {
      try sequence.forEachLogits(session, progress: progress, isCancelled: isCancelled) { _, logits in
        lastRow = logits
        try writer.append(row: logits)
      }
    }
    try writer.finish()
    let next = NextToken(lastRow)
    self.init(
      model: model.checkpoint.path, mode: model.mode, file: path, tokens: sequence.tokens, shape: [rows, vocabulary],
      top: next.top(5).map {
        TokenProbability(id: $0, text: model.tokenizer?.text(of: $0), probability: next.probability($0))
      })
  }

  /// A summary for people.
  public func report() -> String {
    let likeliest = top.map { "\(fixed($0.probability, 4)) \($0.text.map { "\"\(singleLine($0))\"" } ?? "#\($0.id)")" }
    return "\(singleLine(file)): float32 [\(shape[0]), \(shape[1])], mode \(mode.rawValue), \(tokens.count) tokens\n"
      + "next token: \(likeliest.joined(separator: ", "))\n"
  }
}
