import ModelFormats

/// Looks values up in what a run logged as its configuration, however deeply it nests them.
struct RunConfiguration {
  private let objects: [JSONObject]

  /// Parts whose settings are not the training's own.
  private static let others: Set<String> = ["validation", "teacher", "influence", "eval", "evaluation"]
  private static let maximumObjects = 4096

  /// - Parameter objects: the most telling one first.
  init(_ objects: [JSONObject]) { self.objects = objects }

  /// The value of the first name that is there; of several places the least nested one.
  func value(_ names: String...) -> JSONValue? {
    for object in objects {
      for name in names {
        if let found = RunConfiguration.find(name, in: object) { return found }
      }
    }
    return nil
  }

  private static func find(_ name: String, in object: JSONObject) -> JSONValue? {
    var level = [object], seen = 0
    while !level.isEmpty, seen < maximumObjects {
      seen += level.count
      for object in level {
        if let value = object[name], !value.isNull { return value }
      }
      level = level.flatMap { object in
        object.entries.compactMap { key, value in
          guard case .object(let inner) = value, !others.contains(key.string) else { return nil }
          return inner
        }
      }
    }
    return nil
  }

  /// A positive integer.
  func size(_ names: [String]) -> Int? {
    for name in names {
      if let number = value(name)?.double.flatMap(Int.init(exactly:)), number > 0 { return number }
    }
    return nil
  }

  // MARK: What runs configure

  /// Batch · accumulation · sequence length · processes; `nil` if any but the last is not said.
  var tokensPerStep: Int? {
    guard let batch = size(["per_device_train_batch_size", "batch_size", "train_batch_size", "micro_batch_size"]),
      let accumulation, let length = size(["max_seq_length", "seq_length", "sequence_length", "seq_len", "block_size"])
    else { return nil }
    var product = batch
    for factor in [accumulation, length, size(["world_size", "num_gpus", "ranks"]) ?? 1] {
      let (value, overflow) = product.multipliedReportingOverflow(by: factor)
      guard !overflow else { return nil }
      product = value
    }
    return product
  }

  /// Batches to a step.
  var accumulation: Int? {
    size(["gradient_accumulation_steps", "accumulate_grad_batches", "grad_accum_steps", "accumulation_steps"])
  }

  var totalTokens: Int? { size(["total_tokens", "token_budget", "max_tokens_total", "target_tokens"]) }
  var maximumSteps: Int? { size(["max_steps", "total_steps", "max_iters"]) }

  /// Objectives by name, with whether they are enabled, and their weight.
  var objectives: [(name: String, isEnabled: Bool, weight: Double?)] {
    guard case .object(let object)? = value("objectives") else { return [] }
    return object.entries.compactMap { key, value in
      if let weight = value.double { return (key.string, weight > 0, weight) }
      guard case .object(let entry) = value else { return nil }
      let weight = entry["weight"]?.double
      let isEnabled = if case .bool(let flag)? = entry["enabled"] { flag } else { (weight ?? 1) > 0 }
      return (key.string, isEnabled, weight)
    }
  }

  var schedule: Schedule? {
    if case .object(let object)? = value("scheduler", "lr_scheduler"),
      case .string(let name)? = object["type"] ?? object["name"]
    {
      let parts = RunConfiguration([object])
      return Schedule(
        name: name.string, warmup: parts.value("warmup_steps")?.double ?? size(["warmup_steps"]).map(Double.init) ?? 0,
        decayRatio: parts.value("decay_ratio")?.double ?? 0.2, minimum: parts.value("min_lr_ratio")?.double ?? 0)
    }
    guard case .string(let name)? = value("lr_scheduler_type", "scheduler", "lr_schedule", "lr_scheduler") else {
      return nil
    }
    return Schedule(
      name: name.string, warmup: value("warmup_steps")?.double ?? 0, decayRatio: value("decay_ratio")?.double ?? 0.2,
      minimum: value("min_lr_ratio")?.double ?? 0)
  }

  var lambdaSteps: Int? {
    guard case .object(let object)? = value("lambda_warmup") else { return nil }
    if case .bool(false)? = object["enabled"] { return nil }
    return object["warmup_steps"]?.double.flatMap(Int.init(exactly:))
  }

  var phases: [CurriculumPhase] {
    guard case .object(let object)? = value("curriculum"), case .array(let phases)? = object["phases"] else {
      return []
    }
    if case .bool(false)? = object["enabled"] { return [] }
    let isCosine = if case .string("cosine")? = object["interpolation"] { true } else { false }
    return phases.compactMap { CurriculumPhase($0, isCosine: isCosine) }.sorted { $0.end < $1.end }
  }
}

extension JSONValue {
  fileprivate var isNull: Bool { if case .null = self { true } else { false } }
}
