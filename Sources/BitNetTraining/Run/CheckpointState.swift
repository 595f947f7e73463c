import Foundation
import ModelFormats

/// What a checkpoint's `trainer_state.json` holds: how far the run is, and all that its continuation depends on besides
/// weights, the optimizer's tensors and the configuration.
///
/// Random numbers are functions of seed and step, so that no generator's state is here.
struct CheckpointState: Codable, Equatable {
  var globalStep: Int
  var maxSteps: Int
  var tokensSeen: Int
  var totalTokens: Int
  /// The lowest validation loss and its step; `nil` as long as there was no validation.
  var bestEvalLoss: Double?
  var bestStep: Int?
  /// How many validations there were, and how many of the last ones brought nothing.
  var evaluations = 0
  var evaluationsWithoutGain = 0
  var phase: String
  var objectives: [String: ObjectiveState]
  var lambda: Double
  var learningRate: Double
  /// The steps that the optimizer counts for its corrections.
  var optimizerStep: Int
  /// Numbers that the clipping of gradients goes by.
  var clipping: [String: Double] = [:]
  /// The seconds of training so far.
  var seconds: Double
  var threads: Int
  var ranks: Int
  /// The settings that the numbers depend on, by key, and their digest.
  var configuration: [String: String]
  var configurationFingerprint: String
  /// The next batch of the data.
  var data: DataPosition
  /// The last losses, as Hugging Face's trainer lists them.
  var logHistory: [HistoryEntry]

  struct ObjectiveState: Codable, Equatable {
    var enabled: Bool
    var weight: Double
  }

  struct HistoryEntry: Codable, Equatable {
    var step: Int
    var loss: Double?
    var evalLoss: Double?
    var learningRate: Double?

    private enum CodingKeys: String, CodingKey {
      case step, loss
      case evalLoss = "eval_loss"
      case learningRate = "learning_rate"
    }
  }

  private enum CodingKeys: String, CodingKey {
    case phase, objectives, lambda, clipping, seconds, threads, ranks, configuration, data, evaluations
    case globalStep = "global_step"
    case maxSteps = "max_steps"
    case tokensSeen = "tokens_seen"
    case totalTokens = "total_tokens"
    case bestEvalLoss = "best_eval_loss"
    case bestStep = "best_step"
    case evaluationsWithoutGain = "evaluations_without_gain"
    case learningRate = "learning_rate"
    case optimizerStep = "optimizer_step"
    case configurationFingerprint = "configuration_fingerprint"
    case logHistory = "log_history"
  }

  /// Adds an entry; every other of the older ones goes when there are many, so that the file stays small.
  mutating func note(_ entry: HistoryEntry) {
    logHistory.append(entry)
    guard logHistory.count > 2000 else { return }
    logHistory = logHistory.enumerated().filter { $0.offset == 0 || !$0.offset.isMultiple(of: 2) }.map(\.element)
  }

  func text() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [0x0A]
  }

  /// - Throws: ``RunError/damagedCheckpoint(path:problem:)``.
  init(folder: String) throws {
    let path = "\(folder)/\(CheckpointFiles.state)"
    guard let data = FileManager.default.contents(atPath: path) else { throw RunError.noCheckpoint(path: folder) }
    do {
      self = try JSONDecoder().decode(CheckpointState.self, from: data)
    } catch let error as DecodingError {
      throw RunError.damagedCheckpoint(path: path, problem: "it is not this trainer's state: \(error.summary)")
    }
  }
}

extension DecodingError {
  /// The key and what is wrong with it.
  fileprivate var summary: String {
    switch self {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
    @unknown default: "\(self)"
    }
  }
}
