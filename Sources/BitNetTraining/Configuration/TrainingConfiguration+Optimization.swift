extension TrainingConfiguration {
  /// What changes the weights.
  package struct Optimizer: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
      case adamW = "adamw"
      case muon
    }

    /// What makes the orthogonalized step of a matrix as large as its size asks for.
    package enum Adjustment: String, Sendable, CaseIterable {
      /// sqrt(max(1, rows / columns)).
      case original
      /// 0.2 sqrt(max(rows, columns)): the root mean square of AdamW's steps.
      case matchRMSAdamW = "match_rms_adamw"
    }

    package let kind: Kind
    /// The peak rate of AdamW.
    package let adamRate: Double
    /// The peak rate of Muon.
    package let muonRate: Double
    package let weightDecay: Double
    package let momentum: Double
    package let adjustment: Adjustment
    package let betas: (first: Double, second: Double)
    package let epsilon: Double

    init(_ section: ConfigurationSection) {
      kind = section.value("type", .choice(), default: .adamW, "AdamW, or Muon for matrices and AdamW for the rest")
      let rate = ConfigurationSection.Kind.number(0...10)
      let plainRate = section.value("lr", rate, absence: "`lr_adam`, or 1.5e-3", "The peak rate of `adamw`")
      muonRate = section.value("lr_muon", rate, default: 0.02, "The peak rate of `muon` for the matrices of the blocks")
      let restRate = section.value("lr_adam", rate, absence: "3e-4 with `muon`", "The peak rate of AdamW beside `muon`")
      adamRate = kind == .adamW ? plainRate ?? restRate ?? 1.5e-3 : restRate ?? 3e-4
      weightDecay = section.value(
        "weight_decay", .number(0...10), default: 0.1,
        "Each step shrinks weights by rate times this; norms, biases and embeddings are spared")
      momentum = section.value("momentum", .number(0...0.9999), default: 0.95, "Muon's momentum, in Nesterov's form")
      adjustment = section.value(
        "adjust_lr_fn", .choice(), default: .original,
        "Scales Muon's step: sqrt(max(1, rows/columns)), or 0.2 sqrt(max(rows, columns))")
      let pair = section.value(
        "betas", .list(of: .number(0...0.999999), count: 2...2), default: [0.9, 0.95],
        "AdamW's memory of gradients and their squares")
      betas = (pair[0], pair[1])
      epsilon = section.value("eps", .number(1e-20...1), default: 1e-8, "Added to AdamW's denominator")
      if kind == .muon, plainRate != nil {
        section.report("lr", "is the rate of adamw; muon takes lr_muon and lr_adam")
      }
    }
  }

  /// How rates change from step to step.
  package struct Scheduler: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
      case constant
      case cosine
      case wsd
      case twoStage = "bitnet_two_stage"
    }

    package enum Decay: String, Sendable, CaseIterable {
      case linear
      case cosine
    }

    package let kind: Kind
    package let warmupSteps: Int
    /// The factor of the first step of the warm-up.
    package let warmupStart: Double
    package let decayRatio: Double
    package let decay: Decay
    package let minimumRatio: Double
    /// Where the second stage begins, as a share of the steps.
    package let secondStageStart: Double
    /// The second stage's peak beside the first's.
    package let secondStageRatio: Double
    /// The second stage's weight decay beside the first's.
    package let secondStageDecay: Double

    init(_ section: ConfigurationSection) {
      kind = section.value("type", .choice(), default: .twoStage, "The schedule of the rates, a factor of every peak")
      warmupSteps = section.value("warmup_steps", .integer(0...(1 << 30)), default: 375, "Steps of the linear warm-up")
      warmupStart = section.value(
        "warmup_start_ratio", .number(0...1), default: 0.01, "The factor that the warm-up begins at")
      decayRatio = section.value(
        "decay_ratio", .number(0...1), default: 0.2, "For `wsd`: the last share of the steps, over which the rate falls"
      )
      decay = section.value(
        "decay_type", .choice(), default: .linear, "The shape of the fall, for `wsd` and `bitnet_two_stage`")
      minimumRatio = section.value(
        "min_lr_ratio", .number(0...1), default: 0, "Where the rate ends, as a share of its peak; at least 1e-8")
      secondStageStart = section.value(
        "second_stage_start", .number(0...1), default: 0.5,
        "For `bitnet_two_stage`: where the second stage begins, as a share of the steps")
      secondStageRatio = section.value(
        "second_stage_lr_ratio", .number(0...1), default: 2.0 / 3, "Its peak rate beside the first's")
      secondStageDecay = section.value(
        "second_stage_weight_decay_ratio", .number(0...1), default: 0, "Its weight decay beside the first's")
    }
  }

  /// How full quantization comes in.
  package struct Lambda: Sendable {
    package enum Shape: String, Sendable, CaseIterable {
      case linear
      case cosine
      case sigmoid
      case exponential
    }

    package let isEnabled: Bool
    package let warmupSteps: Int
    package let shape: Shape
    package let minimum: Double
    package let maximum: Double
    package let steepness: Double?

    init(_ section: ConfigurationSection) {
      isEnabled = section.value(
        "enabled", .flag, default: false,
        "Mix quantized weights and activations in little by little; off: fully from the start")
      warmupSteps = section.value(
        "warmup_steps", .integer(0...(1 << 30)), default: 1000, "Optimizer steps until lambda is at its maximum")
      shape = section.value("schedule", .choice(), default: .linear, "How lambda rises")
      minimum = section.value("min", .number(0...1), default: 0, "Lambda at the first step")
      maximum = section.value("max", .number(0...1), default: 1, "Lambda after the warm-up")
      steepness = section.value(
        "steepness", .number(0.1...1000), absence: "15 for `sigmoid`, 4 for `exponential`", "The k of these two")
      if minimum > maximum { section.report("min", "is \(minimum), expected at most max, \(maximum)") }
    }
  }

  /// The phases of the curriculum.
  package struct Phases: Sendable {
    package enum Interpolation: String, Sendable, CaseIterable {
      case linear
      case cosine
      case none
    }

    /// A stretch of the run.
    package struct Phase: Sendable {
      package let name: String
      /// Where it ends, as a share of the optimizer steps.
      package let endRatio: Double
      /// The mixture of the data; absent, the default.
      package let mixture: String?
      /// The weights at its end; an objective not named weighs nothing.
      package let weights: [String: Double]
    }

    package let isEnabled: Bool
    package let interpolation: Interpolation
    package let phases: [Phase]

    init(_ section: ConfigurationSection) {
      isEnabled = section.value(
        "enabled", .flag, default: false, "Let phases say the objectives' weights and the mixture of the data")
      interpolation = section.value(
        "interpolation", .choice(), default: .linear, "How weights go from a phase's to the next one's, within the next"
      )
      let sections = section.sections("phases")
      phases = sections.map { Self.phase($0) }
      guard !section.reader.isReference else { return }
      if isEnabled, phases.isEmpty {
        section.report("phases", "is empty: name at least one phase, or set enabled to false")
      }
      var before = 0.0
      for (inner, phase) in zip(sections, phases) {
        if phase.endRatio <= before {
          inner.report("end_ratio", "is \(phase.endRatio), expected more than \(before), where the phase begins")
        }
        before = phase.endRatio
      }
      if let last = phases.last, last.endRatio != 1 {
        sections.last?.report("end_ratio", "is \(last.endRatio), expected 1: the last phase ends with the run")
      }
    }

    private static func phase(_ section: ConfigurationSection) -> Phase {
      let name = section.value("name", .text, default: "phase", "What logs call it")
      let end = section.value(
        "end_ratio", .number(0...1), default: 1, "Where it ends, as a share of the optimizer steps; 1 for the last")
      let mixture = section.value("data_config", .text, absence: "`data.mixture`", "The mixture of the data, by name")
      let weights = section.section("objectives")
      var values: [String: Double] = [:]
      for objective in ObjectiveName.allCases.map(\.rawValue) {
        let weight = weights.value(
          objective, .number(0...(.infinity)), absence: "0", "The objective's weight at the end of the phase")
        values[objective] = weight ?? 0
      }
      return Phase(name: name, endRatio: end, mixture: mixture, weights: values)
    }
  }
}
