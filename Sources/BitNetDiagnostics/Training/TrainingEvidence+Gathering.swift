import BitNet
import ModelFormats

extension TrainingEvidence {
  /// Reads what trainers left in and near a folder: states, logs and checkpoints. Nothing in them is run.
  ///
  /// - Parameter path: a model's file or folder, or the folder of a run.
  /// - Returns: `nil` if there is nothing.
  public init?(near path: String) {
    let found = TrainingSources(near: path)
    var readings = Readings()
    readings.read(found)
    guard !readings.sources.isEmpty || !readings.notes.isEmpty || !readings.suspiciousCalls.isEmpty else { return nil }
    let step = TrainerState.step(inName: path)
    // What came after a checkpoint did not make it.
    if let step { readings.forget(after: step) }
    self.init(readings, folder: found.folder, step: step)
  }

  /// What is known of the training of a model: for a folder what lies in and near it, for a single file what it says itself, or
  /// a `trainer_state.json` beside it. Other files beside a single file may be of any run.
  ///
  /// - Returns: `nil` if there is nothing.
  init?(of checkpoint: Checkpoint) {
    guard case .gguf(let file) = checkpoint.source else {
      self.init(near: checkpoint.path)
      return
    }
    var readings = Readings()
    if let text = try? file.string(ConversionKeys.trainerState) {
      readings.readState(text: text, file: checkpoint.path)
    } else {
      let path = NewFile.split(checkpoint.path).folder + "/trainer_state.json"
      guard (try? isPresent(path)) == true else { return nil }
      readings.readState(path)
    }
    self.init(readings, folder: NewFile.split(checkpoint.path).folder, step: nil)
  }

  private init(_ readings: Readings, folder: String, step namedStep: Int?) {
    sources = readings.sources
    notes = readings.notes
    suspiciousCalls = readings.suspiciousCalls
    let series = SeriesTable(readings.logs)
    // What a tracker logged as the configuration says more than what a state repeats of it.
    let configuration = RunConfiguration(readings.logs.compactMap(\.config))
    let state = readings.states.max { ($0.globalStep ?? -1) < ($1.globalStep ?? -1) }
    let loggedStep = readings.logs.filter { !$0.hasNoSteps }.compactMap(\.lastStep).max()
    // The state in the folder itself is that of its weights; one in a checkpoint below is behind while the run goes on.
    let isOwn = state.map { NewFile.split($0.file).folder == folder } ?? false
    let steps = [state?.globalStep, isOwn ? nil : loggedStep].compactMap(\.self)
    globalStep = steps.max() ?? loggedStep ?? namedStep
    totalTokens = state?.totalTokens ?? configuration.totalTokens
    tokensPerStep = configuration.tokensPerStep
    maximumSteps = state?.maxSteps.flatMap { $0 > 0 ? $0 : nil } ?? configuration.maximumSteps
    if maximumSteps == nil, let totalTokens, let tokensPerStep { maximumSteps = totalTokens / tokensPerStep }
    countTokens(recorded: state?.tokensSeen ?? series[.tokens]?.points.last.flatMap { Int(exactly: $0.value) })
    objectives = TrainingEvidence.objectives(series, configuration, state)
    loss = series[.loss].flatMap(Trend.init)
    evaluationLoss = series[.evaluationLoss].flatMap(Trend.init)
    // A sum also rises when the curriculum gives a part more weight.
    if objectives.contains(where: { $0.trend != nil }) { loss = loss?.withoutAlarm }
    if objectives.filter({ $0.isOn == true }).count > 1 { evaluationLoss = evaluationLoss?.withoutAlarm }
    let roles = objectives.map { ($0.name, SeriesRole.objectiveLoss($0.name)) }
    curves = (roles + [("all", .loss), ("held-out", .evaluationLoss)]).compactMap { name, role in
      series[role].flatMap { Curve(name, $0) }
    }
    bestEvaluationLoss = state?.bestEvalLoss ?? series[.evaluationLoss]?.points.map(\.value).filter(\.isFinite).min()
    learningRate = LearningRate(series[.learningRate], configuration.schedule, total: maximumSteps)
    lambda = series[.lambda]?.points.last?.value ?? state?.lambda
    lambdaSteps = configuration.lambdaSteps
    followCurriculum(configuration, series, state)
    compare(state, loggedStep: isOwn ? loggedStep : nil, namedStep: namedStep)
  }

  private mutating func countTokens(recorded: Int?) {
    let (computed, overflow) = (tokensPerStep ?? 0).multipliedReportingOverflow(by: globalStep ?? 0)
    let known = tokensPerStep != nil && globalStep != nil && !overflow ? computed : nil
    // The trainer's own count may hold every sequence twice: what follows from the batch is surer.
    tokensSeen = known ?? recorded
    if let known, let recorded, known > 0, recorded > 0 {
      let ratio = Double(recorded) / Double(known)
      if abs(ratio - 1) > 0.02 {
        contradictions.append(
          "\(grouped(recorded)) tokens were recorded, but \(grouped(globalStep ?? 0)) steps of "
            + "\(grouped(tokensPerStep ?? 0)) tokens are \(grouped(known)): \(fixed(ratio, 2)) times as many"
            + (abs(ratio - 2) < 0.05 ? "; complementary masks count every sequence twice" : ""))
      }
    }
    if let tokensSeen, let totalTokens, totalTokens > 0 {
      budgetShare = Double(tokensSeen) / Double(totalTokens)
    } else if let globalStep, let maximumSteps, maximumSteps > 0 {
      budgetShare = Double(globalStep) / Double(maximumSteps)
    }
  }

  private static func objectives(
    _ series: SeriesTable, _ configuration: RunConfiguration, _ state: TrainerState?
  ) -> [Objective] {
    var configured: [String: (isEnabled: Bool, weight: Double?)] = [:]
    for entry in configuration.objectives { configured[entry.name] = (entry.isEnabled, entry.weight) }
    for entry in state?.objectives ?? [] { configured[entry.name] = (entry.isEnabled, entry.weight) }
    // Computed for comparison whatever is trained, so not an objective.
    let names = Set(configured.keys).union(series.objectives).subtracting(["unweighted_ce", "loss"])
    return names.sorted().map { name in
      let weights = series[.objectiveWeight(name)]?.points.map(\.value).filter(\.isFinite) ?? []
      let trend = series[.objectiveLoss(name)].flatMap(Trend.init)
      let entry = configured[name]
      let isWeighted = weights.max().map { $0 > 0 } ?? entry.map { $0.isEnabled && ($0.weight ?? 1) > 0 }
      return Objective(
        name: name, isOn: isWeighted == false ? false : trend != nil ? true : isWeighted,
        isConfigured: entry?.isEnabled, weight: weights.last ?? entry?.weight, largestWeight: weights.max(),
        trend: trend)
    }
  }

  /// Finds the phase, and how fast the logged weights run through the curriculum.
  private mutating func followCurriculum(
    _ configuration: RunConfiguration, _ series: SeriesTable, _ state: TrainerState?
  ) {
    let phases = configuration.phases
    phase = state?.phase
    guard !phases.isEmpty else { return }
    let progress =
      maximumSteps.flatMap { total in globalStep.map { Double($0) / Double(max(1, total)) } } ?? budgetShare
    phase = phase ?? progress.flatMap { phases.phase(at: $0)?.name }
    var curriculum = Curriculum(phases: phases.map(\.name))
    if let maximumSteps, maximumSteps > 0 {
      curriculum.speed = TrainingEvidence.speed(
        phases, series, total: maximumSteps, candidates: [1, configuration.accumulation ?? 1, 2, 4, 8, 16, 32, 64, 128])
    }
    if let speed = curriculum.speed, let progress {
      curriculum.loggedPhase = phases.phase(at: progress * speed)?.name
    }
    self.curriculum = curriculum
  }

  /// The factor on the steps with which the configured weights fit the logged ones; the first that fits well wins.
  private static func speed(
    _ phases: [CurriculumPhase], _ series: SeriesTable, total: Int, candidates: [Int]
  ) -> Double? {
    let names = Set(phases.flatMap { Array($0.weights.keys) })
    let logged = names.compactMap { name in
      series[.objectiveWeight(name)].map { (name, $0.points.filter { $0.value.isFinite }) }
    }.filter { $0.1.count >= 3 }
    guard !logged.isEmpty else { return nil }
    func error(_ factor: Int) -> Double {
      var sum = 0.0, count = 0
      for (name, points) in logged {
        for point in points {
          let progress = Double(point.step) * Double(factor) / Double(total)
          sum += abs((phases.weight(of: name, at: progress) ?? 0) - point.value)
          count += 1
        }
      }
      return sum / Double(count)
    }
    return candidates.first { error($0) < 0.02 }.map(Double.init)
  }

  private mutating func compare(_ state: TrainerState?, loggedStep: Int?, namedStep: Int?) {
    if namedStep == nil, let step = state?.globalStep, let loggedStep,
      abs(step - loggedStep) > max(100, max(step, loggedStep) / 20)
    {
      contradictions.append(
        "\(state?.file ?? "the trainer's state") is of step \(grouped(step)), the logs go to step \(grouped(loggedStep))"
          + (step < loggedStep
            ? ": the state, and the weights beside it, may be old" : ": the logs may be of another run"))
    }
    if let step = state?.globalStep, let namedStep, step != namedStep {
      contradictions.append("the folder's name says step \(grouped(namedStep)), the trainer's state \(grouped(step))")
    }
    for objective in objectives {
      guard objective.isConfigured == false, let trend = objective.trend, objective.isOn == true else { continue }
      contradictions.append(
        "objective \(objective.name) is configured off, but its loss was logged for \(trend.points) steps")
    }
    if let best = bestEvaluationLoss, best.isInfinite, let trend = evaluationLoss {
      contradictions.append(
        "the state says that there was no evaluation, the logs have \(trend.points), the last with loss "
          + fixed(trend.last, 3))
    }
  }
}

extension TrainingEvidence.Curve {
  /// More points than this are not told apart.
  private static let limit = 200

  /// - Returns: `nil` without any number.
  fileprivate init?(_ name: String, _ series: ScalarSeries) {
    let points = series.points.filter { $0.value.isFinite }
    guard !points.isEmpty else { return nil }
    let group = (points.count + TrainingEvidence.Curve.limit - 1) / TrainingEvidence.Curve.limit
    self.init(name: name, steps: [], values: [])
    for start in stride(from: 0, to: points.count, by: group) {
      let part = points[start..<min(points.count, start + group)]
      steps.append(part[part.startIndex + part.count / 2].step)
      values.append(part.reduce(0) { $0 + $1.value } / Double(part.count))
    }
  }
}

extension TrainingEvidence.LearningRate {
  /// - Parameter total: the steps planned.
  fileprivate init?(_ series: ScalarSeries?, _ schedule: Schedule?, total: Int?) {
    let points = series?.points.filter { $0.value.isFinite && $0.value >= 0 } ?? []
    guard schedule != nil || !points.isEmpty else { return nil }
    let largest = points.map(\.value).max(), smallest = points.map(\.value).min() ?? 0
    self.init(
      schedule: schedule?.name, first: points.first?.value, largest: largest, last: points.last?.value,
      isConstant: points.count >= 3 && largest.map { $0 - smallest <= 1e-3 * $0 } ?? false, points: points.count)
    guard let schedule, let total, let largest, largest > 0 else { return }
    var departure = 0.0
    for point in points {
      guard let share = schedule.share(at: point.step, of: total) else { return }
      let logged = point.value / largest
      if abs(share - logged) > departure {
        departure = abs(share - logged)
        (departureStep, scheduledShare, loggedShare) = (point.step, share, logged)
      }
    }
  }
}
