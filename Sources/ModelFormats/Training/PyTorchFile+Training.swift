extension PyTorchFile {
  /// How far the run had come that saved this checkpoint; `nil` if the file says nothing about it.
  ///
  /// Understands Lightning's `.ckpt` (`global_step`, `loops`, `callbacks`, `optimizer_states`, `hyper_parameters`) and
  /// dictionaries with `global_step`, `step`, `best_eval_loss` and the like at their top.
  ///
  /// - Throws: ``FormatError`` for a value of the wrong type.
  package func trainerState() throws(FormatError) -> TrainerState? {
    var entries: [(key: JSONString, value: JSONValue)] = []
    for key in [
      "global_step", "step", "max_steps", "epoch", "best_eval_loss", "best_loss", "tokens_processed", "tokens_seen",
      "num_input_tokens_seen", "total_tokens", "lambda",
    ] {
      if let node = root[key], let number = scalar(node) {
        entries.append((JSONString(key), node.integer.map { .integer(Int64($0)) } ?? .number(number)))
      }
    }
    if let phase = root["phase"]?.string { entries.append(("phase", .string(JSONString(phase)))) }
    if let best = bestScore { entries.append(("best_metric", .number(best))) }
    if let rate = learningRates.first { entries.append(("learning_rate", .number(rate))) }
    guard !entries.isEmpty else { return nil }
    return try TrainerState(
      JSONNode(.object(JSONObject(entries: entries)), file: file), batches: batches)
  }

  /// The losses that were kept in the checkpoint, one to an entry and without their steps, and the configuration.
  package var log: RunLog {
    var log = RunLog(file: file)
    log.hasNoSteps = true
    for name in ["train_losses", "eval_losses"] {
      for (index, node) in (root[name]?.elements ?? []).enumerated() {
        if let number = scalar(node) { log.append(name, step: index, number) }
      }
    }
    // Hugging Face's training_args.bin is the arguments themselves.
    let isArguments = root.call?.function.hasSuffix("TrainingArguments") ?? false
    let nodes = isArguments ? [root] : ["hyper_parameters", "config", "args"].compactMap { root[$0] }
    for node in nodes {
      var budget = 10_000
      if case .object(let object) = node.json(budget: &budget), !object.entries.isEmpty { log.config = object }
    }
    return log
  }

  /// Batches done, as Lightning's loop counted them.
  private var batches: Int? {
    root["loops"]?["fit_loop"]?["epoch_loop.batch_progress"]?["total"]?["completed"]?.integer
  }

  /// The rates of the first optimizer's parameter groups.
  private var learningRates: [Double] {
    let optimizer = root["optimizer_states"]?.elements?.first ?? root["optimizer_state_dict"] ?? root["optimizer"]
    return (optimizer?["param_groups"]?.elements ?? []).compactMap { $0["lr"].flatMap(scalar) }
  }

  /// The best score of the callback that keeps checkpoints.
  private var bestScore: Double? {
    for (name, state) in root["callbacks"]?.entries ?? [] where name.hasPrefix("ModelCheckpoint") {
      if let score = state["best_model_score"].flatMap(scalar) { return score }
    }
    return nil
  }
}
