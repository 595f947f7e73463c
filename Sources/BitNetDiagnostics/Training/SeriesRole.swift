/// What a logged series is, by its name.
///
/// The names are those of Hugging Face's Trainer (`train/loss`, `eval_loss`, `learning_rate`), Lightning (`lr-AdamW/pg1`,
/// `val_loss`), WrinkleFree (`train/dlm_loss`, `schedule/dlm_weight`, `train/lambda`) and of the trainer here (`train/loss/dlm`, `objective_weight/dlm`, `losses/dlm`).
enum SeriesRole: Hashable {
  case loss
  case evaluationLoss
  case learningRate
  case lambda
  case tokens
  case objectiveLoss(String)
  case objectiveWeight(String)

  init?(_ name: String) {
    // Lightning logs what is asked for by step and by epoch as two series.
    let name = name.hasSuffix("_step") ? String(name.dropLast(5)) : name
    let parts = name.lowercased().split(separator: "/").map(String.init)
    guard let last = parts.last, let first = parts.first, !last.hasSuffix("_epoch") else { return nil }
    let isEvaluation =
      ["eval", "val", "validation", "test"].contains { first == $0 || last.hasPrefix($0 + "_") }
    if isEvaluation {
      guard last == "loss" || last.hasSuffix("_loss") else { return nil }
      self = .evaluationLoss
    } else if first.hasPrefix("lr-") || ["lr", "learning_rate", "lr_muon"].contains(last) {
      self = .learningRate
    } else if ["lambda", "lambda_quant", "quant_lambda"].contains(last) {
      self = .lambda
    } else if SeriesRole.tokenNames.contains(last) {
      self = .tokens
    } else if let objective = SeriesRole.objective(parts, last) {
      self = objective
    } else if ["loss", "train_loss", "total_loss", "train_losses"].contains(last) {
      self = .loss
    } else {
      return nil
    }
  }

  private static let tokenNames = [
    "tokens", "tokens_seen", "tokens_total", "tokens_processed", "source_tokens", "num_input_tokens_seen",
  ]

  private static func objective(_ parts: [String], _ last: String) -> SeriesRole? {
    if parts.count > 1, ["weights", "objective_weights", "objective_weight"].contains(parts[parts.count - 2]) {
      return .objectiveWeight(last)
    }
    if parts.count > 1, ["objectives", "losses", "objective_losses", "loss"].contains(parts[parts.count - 2]) {
      return .objectiveLoss(last.hasSuffix("_loss") ? String(last.dropLast(5)) : last)
    }
    if parts.count > 2, ["objectives"].contains(parts[parts.count - 3]) {
      let name = parts[parts.count - 2]
      return last == "weight" ? .objectiveWeight(name) : last == "loss" ? .objectiveLoss(name) : nil
    }
    if last.hasSuffix("_weight") { return .objectiveWeight(String(last.dropLast(7))) }
    let total = ["train_loss", "total_loss"]
    if last.hasSuffix("_loss"), !total.contains(last) { return .objectiveLoss(String(last.dropLast(5))) }
    return nil
  }

  /// Whether an objective of that name is the cross-entropy of the next token.
  static func isCrossEntropy(_ name: String) -> Bool {
    [
      "continue_pretrain", "ce", "cross_entropy", "crossentropy", "lm", "clm", "causal_lm", "nll", "ntp", "next_token",
      "sft", "language_modeling", "loss",
    ].contains(name.lowercased())
  }
}
