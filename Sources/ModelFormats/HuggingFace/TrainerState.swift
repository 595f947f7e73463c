/// How far a model was trained, as far as the files beside it tell.
public struct TrainerState: Sendable, Hashable {
  /// The path of the file, for messages.
  public let file: String
  /// The number of optimizer steps done.
  public let globalStep: Int?
  /// The number of steps planned.
  public let maxSteps: Int?
  /// The passes over the data done.
  public let epoch: Double?
  /// The best value of the metric that the trainer watched.
  public let bestMetric: Double?
  /// The best loss on held-out data; infinite as long as there was no evaluation.
  public let bestEvalLoss: Double?
  /// The number of tokens trained on.
  public let tokensSeen: Int?
  /// The number of tokens planned.
  public let totalTokens: Int?
  /// The phase of the curriculum.
  public let phase: String?
  /// The share of quantization mixed in, from 0 to 1.
  public let lambda: Double?
  /// The learning rate of each parameter group.
  public let learningRates: [Double]
  /// The losses that make up the training loss, by name; `nil` where the file does not say.
  public let objectives: [Objective]?
  /// The number of batches done, several to a step where gradients are accumulated.
  public let batches: Int?
  /// The first training loss logged.
  public let firstLoss: Double?
  /// The last training loss logged.
  public let lastLoss: Double?
  /// The last loss on held-out data logged.
  public let lastEvalLoss: Double?
  /// The number of entries in the log.
  public let logCount: Int

  /// One of the losses that make up the training loss.
  public struct Objective: Sendable, Hashable, Codable {
    /// The name.
    public let name: String
    /// Whether it is computed at all.
    public let isEnabled: Bool
    /// The factor that it counts by.
    public let weight: Double?
  }

  /// Reads a `trainer_state.json`: that of Hugging Face's Trainer, or one with `step`, `tokens_seen` and
  /// `best_eval_loss` at its top, as other trainers write it. `NaN` and `Infinity` are taken.
  ///
  /// - Throws: ``FormatError`` naming file and key.
  public init(path: String) throws(FormatError) {
    try self.init(JSONParser.parse(path: path, options: .init(allowsNonFinite: true)))
  }

  /// Reads the text of a `trainer_state.json` that is in memory.
  ///
  /// - Throws: ``FormatError`` naming `file` and key.
  public init(text: String, file: String) throws(FormatError) {
    let value = try JSONParser.parse(Array(text.utf8), file: file, options: .init(allowsNonFinite: true))
    try self.init(JSONNode(value, file: file))
  }

  package init(_ node: JSONNode, batches: Int? = nil) throws(FormatError) {
    _ = try node.object()
    file = node.file
    globalStep = try node.integer("global_step", "step")
    maxSteps = try node.integer("max_steps")
    epoch = try node.number("epoch")
    bestMetric = try node.number("best_metric")
    bestEvalLoss = try node.number("best_eval_loss", "best_loss")
    tokensSeen = try node.integer("num_input_tokens_seen", "tokens_seen", "tokens_processed")
    totalTokens = try node.integer("total_tokens")
    phase = try node.string("phase")
    lambda = try node.number("lambda")
    learningRates = try node["learning_rate"].map { rate throws(FormatError) in [try rate.number()] } ?? []
    objectives = try TrainerState.objectives(node)
    self.batches = batches
    let log = try node.array("log_history", "loss_history") ?? []
    logCount = log.count
    var losses: (first: Double?, last: Double?, eval: Double?)
    for entry in log {
      if let loss = try entry.number("loss") {
        losses.first = losses.first ?? loss
        losses.last = loss
      }
      losses.eval = try entry.number("eval_loss") ?? losses.eval
    }
    (firstLoss, lastLoss, lastEvalLoss) = losses
  }

  /// The keys that tell how far the model was trained and by what, without the history of the losses.
  package static let summaryKeys = [
    "global_step", "step", "max_steps", "epoch", "best_metric", "best_eval_loss", "best_loss", "num_input_tokens_seen",
    "tokens_seen", "tokens_processed", "total_tokens", "phase", "lambda", "learning_rate", "objectives",
  ]

  private static func objectives(_ node: JSONNode) throws(FormatError) -> [Objective]? {
    guard let objectives = try node.object("objectives") else { return nil }
    var result: [Objective] = []
    for (key, _) in try objectives.object().entries {
      guard let entry = try objectives.object(key.string) else { continue }
      let weight = try entry.number("weight")
      result.append(
        Objective(name: key.string, isEnabled: try entry.bool("enabled") ?? ((weight ?? 1) > 0), weight: weight))
    }
    return result
  }

  /// The step in the name of a folder or file such as `checkpoint-1234`, `step-1234` or `checkpoint_step500.pt`, the last
  /// component of `path`.
  public static func step(inName path: String) -> Int? {
    guard let name = path.split(separator: "/").last, name.hasPrefix("checkpoint") || name.hasPrefix("step") else {
      return nil
    }
    let digits = name.drop { !("0"..."9").contains($0) }.prefix { ("0"..."9").contains($0) }
    return Int(digits)
  }
}
