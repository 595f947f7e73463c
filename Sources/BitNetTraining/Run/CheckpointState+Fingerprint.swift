import Kernels

extension CheckpointState {
  /// What a run of this configuration begins with.
  init(_ configuration: TrainingConfiguration, parts: TrainingParts, ranks: Int) {
    globalStep = 0
    maxSteps = configuration.steps
    tokensSeen = 0
    totalTokens = configuration.steps * configuration.tokensPerStep
    phase = ""
    objectives = [:]
    lambda = 0
    learningRate = 0
    optimizerStep = 0
    seconds = 0
    threads = parts.compute.pool.threadCount
    self.ranks = ranks
    var settings: [String: String] = [:]
    for key in configuration.keys where CheckpointState.decides(key.path) { settings[key.path] = key.value }
    settings["steps"] = "\(configuration.steps)"
    settings["tokenizer"] = parts.tokenizerDigest
    self.configuration = settings
    var digest = SHA256()
    let text = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    digest.update(SharedBytes(copying: Array(text.utf8)))
    configurationFingerprint = digest.hexadecimal()
    data = parts.data.position
    logHistory = []
  }

  /// Whether a setting has a say in the numbers of the steps to come.
  private static func decides(_ key: String) -> Bool {
    let free = ["run.name", "run.output_dir", "run.threads", "max_steps", "total_tokens", "tokenizer.path"]
    let freeSections = ["checkpoint.", "logging.", "resume.", "validation.", "early_stopping.", "data.validation"]
    return !free.contains(key) && !freeSections.contains { key.hasPrefix($0) }
  }

  /// The settings that differ, as phrases.
  func differences(from saved: CheckpointState) -> [String] {
    guard configurationFingerprint != saved.configurationFingerprint else { return [] }
    return Set(configuration.keys).union(saved.configuration.keys).sorted().compactMap { key in
      let (now, then) = (configuration[key], saved.configuration[key])
      guard now != then else { return nil }
      return "\(key) is \(now ?? "not set"), was \(then ?? "not set")"
    }
  }
}
