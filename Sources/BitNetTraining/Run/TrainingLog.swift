import Foundation
import Kernels
import ModelFormats

/// One line of a run's `log.jsonl`.
package struct TrainingLogLine: Codable, Sendable, Equatable {
  /// What a line tells of.
  package enum Kind: String, Codable, Sendable {
    /// A step of training.
    case train
    /// A measurement on held-out data.
    case eval
  }

  /// What the line tells of.
  package var kind: Kind
  /// The optimizer steps done.
  package var step: Int
  /// The weighted sum of the losses.
  package var loss: Double
  /// The loss of each objective, the mean over the tokens that it predicts.
  package var losses: [String: Double]
  /// `exp` of each loss that is a mean of log-likelihoods; only of evaluations.
  package var perplexities: [String: Double]?
  /// The weight of each objective.
  package var weights: [String: Double]
  /// The phase of the curriculum.
  package var phase: String
  /// The schedule's learning rate; of the first group of parameters where there are several.
  package var learningRate: Double
  /// How far the linear layers are quantized, 0 to 1.
  package var lambda: Double
  /// The length of the gradient before it was clipped.
  package var gradientNorm: Double?
  /// The source tokens seen so far.
  package var tokens: Int
  /// Source tokens a second since the last line.
  package var tokensPerSecond: Double?
  /// The seconds of training so far, those before a resume among them.
  package var seconds: Double

  private enum CodingKeys: String, CodingKey {
    case kind, step, loss, losses, perplexities, weights, phase, lambda, tokens, seconds
    case learningRate = "learning_rate"
    case gradientNorm = "gradient_norm"
    case tokensPerSecond = "tokens_per_second"
  }
}

/// A run's `log.jsonl`: one JSON object a line, each written at once.
package final class TrainingLog {
  /// The name of the file in a run's folder.
  package static let name = "log.jsonl"

  private let path: String
  private let handle: FileHandle

  /// Opens the log to write on.
  ///
  /// - Parameter step: the steps done; what the file says of later ones was lost with the process that did them.
  /// - Throws: `FormatError` with the code `unwritable`.
  package init(folder: String, after step: Int) throws {
    path = "\(folder)/\(TrainingLog.name)"
    if FileManager.default.fileExists(atPath: path) {
      let kept = try TrainingLog.lines(path: path).filter { $0.step <= step }
      let text = try kept.map { try TrainingLog.text(of: $0) }.joined()
      let file = try NewFile(path: path)
      try file.write(SharedBytes(copying: Array(text.utf8)), at: 0)
      try file.finish(count: text.utf8.count)
    }
    let isThere =
      FileManager.default.fileExists(atPath: path) || FileManager.default.createFile(atPath: path, contents: nil)
    guard isThere, let handle = FileHandle(forWritingAtPath: path) else {
      throw FormatError(.unwritable, file: path, "cannot be written", remedy: "Check its permissions.")
    }
    self.handle = handle
    try handle.seekToEnd()
  }

  /// Adds a line.
  ///
  /// - Throws: `FormatError` with the code `unwritable`, in particular if the disk is full.
  package func append(_ line: TrainingLogLine) throws {
    do {
      try handle.write(contentsOf: Data(TrainingLog.text(of: line).utf8))
    } catch {
      throw FormatError(
        .unwritable, file: path, "cannot be written: \(error.localizedDescription)", remedy: "Free some space.")
    }
  }

  /// The lines of a log; one that a killed process did not end is left out.
  ///
  /// - Throws: `FormatError` if the file cannot be read.
  package static func lines(path: String) throws -> [TrainingLogLine] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw FormatError(.unreadable, file: path, "cannot be read", remedy: "Name the folder of a run.")
    }
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return data.split(separator: UInt8(ascii: "\n")).compactMap { try? decoder.decode(TrainingLogLine.self, from: $0) }
  }

  private static func text(of line: TrainingLogLine) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return String(decoding: try encoder.encode(line), as: UTF8.self) + "\n"
  }
}
