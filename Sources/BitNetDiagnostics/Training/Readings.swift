import ModelFormats

/// What the files of a run say, each by itself.
struct Readings {
  var sources: [TrainingEvidence.Source] = []
  var states: [TrainerState] = []
  /// The most telling configuration first.
  var logs: [RunLog] = []
  var suspiciousCalls: [String] = []
  var notes: [String] = []

  /// Checkpoints beyond these are older; each may be large.
  private static let maximumCheckpoints = 16
  private static let maximumStates = 64

  mutating func read(_ found: TrainingSources) {
    for path in found.wandb.suffix(16) { add(.wandb, path) { try WandbLog.read(path: path) } }
    for path in found.wandbSummaries.suffix(16) { add(.wandb, path) { try WandbLog.readSummary(path: path) } }
    for path in found.settings.suffix(16) { add(.settings, path) { try RunLog(settings: path) } }
    for (folder, names) in found.events.sorted(by: { $0.key < $1.key }).prefix(16) {
      add(.tensorBoard, folder) { try TensorBoardLog.read(folder: folder, names: names) }
    }
    for path in found.lines.prefix(16) { add(.lines, path) { try RunLog(jsonLines: path) } }
    for path in found.checkpoints.suffix(Readings.maximumCheckpoints) { readCheckpoint(path) }
    for path in found.states.prefix(Readings.maximumStates) { readState(path) }
  }

  /// Forgets what was logged after a step.
  mutating func forget(after step: Int) {
    for index in logs.indices where !logs[index].hasNoSteps { logs[index].forget(from: step + 1) }
  }

  private mutating func add(_ kind: TrainingEvidence.Source.Kind, _ path: String, _ read: () throws -> RunLog) {
    guard let log = attempt(read) else { return }
    sources.append(.init(kind: kind, path: path, lastStep: log.lastStep))
    notes += log.notes
    logs.append(log)
  }

  mutating func readState(_ path: String) {
    readState(path) { () throws(FormatError) in
      try JSONParser.parse(path: path, options: .init(allowsNonFinite: true))
    }
  }

  /// Reads the state that a model file carries.
  mutating func readState(text: String, file: String) {
    readState(file) { () throws(FormatError) in
      JSONNode(try JSONParser.parse(Array(text.utf8), file: file, options: .init(allowsNonFinite: true)), file: file)
    }
  }

  private mutating func readState(_ path: String, _ parse: () throws(FormatError) -> JSONNode) {
    let read = attempt {
      let node = try parse()
      return (try TrainerState(node), RunLog(trainerState: node))
    }
    guard let (state, log) = read else { return }
    sources.append(.init(kind: .trainerState, path: path, lastStep: state.globalStep))
    states.append(state)
    logs.append(log)
  }

  private mutating func readCheckpoint(_ path: String) {
    guard let file = attempt({ try PyTorchFile(path: path) }) else { return }
    suspiciousCalls += file.calls.filter(Readings.isSuspicious).map { "\(path): \($0)" }
    let state = attempt({ try file.trainerState() }) ?? nil, log = file.log
    guard state != nil || log.config != nil else { return }
    sources.append(.init(kind: .pyTorch, path: path, lastStep: state?.globalStep))
    if let state { states.append(state) }
    logs.append(log)
  }

  private mutating func attempt<Value>(_ read: () throws -> Value) -> Value? {
    do {
      return try read()
    } catch {
      notes.append("what the trainer left is not considered: \(error)")
      return nil
    }
  }

  /// Functions that reach the system or run code; no checkpoint has use for them.
  private static func isSuspicious(_ call: String) -> Bool {
    let modules = [
      "os", "posix", "nt", "subprocess", "sys", "runpy", "socket", "shutil", "pty", "importlib", "code", "webbrowser",
      "ctypes", "marshal", "pip", "timeit", "cProfile", "bdb", "pdb", "requests", "urllib", "httplib", "asyncio",
      "multiprocessing",
    ]
    if let module = call.split(separator: ".").first, modules.contains(String(module)) { return true }
    return ["builtins", "__builtin__", "__builtins__"].contains { builtins in
      ["eval", "exec", "compile", "open", "__import__", "getattr", "setattr", "input", "breakpoint", "apply"]
        .contains { call == "\(builtins).\($0)" }
    }
  }
}

/// The series of all logs by what they are; of several the one with most points.
struct SeriesTable {
  private var series: [SeriesRole: ScalarSeries] = [:]

  init(_ logs: [RunLog]) {
    for log in logs {
      for (name, values) in log.series.sorted(by: { $0.key < $1.key }) {
        guard let role = SeriesRole(name), values.steps.count > (series[role]?.steps.count ?? 0) else { continue }
        series[role] = values
      }
    }
  }

  subscript(role: SeriesRole) -> ScalarSeries? { series[role] }

  /// The names of all objectives with a loss or a weight.
  var objectives: Set<String> {
    Set(
      series.keys.compactMap { role in
        switch role {
        case .objectiveLoss(let name), .objectiveWeight(let name): name
        default: nil
        }
      })
  }
}
