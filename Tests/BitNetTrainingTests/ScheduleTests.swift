#if Training
import BitNetTraining
import Testing

/// Values computed independently, in double precision, from the formulas.
@Suite struct `Schedules` {
  private static func configuration(_ overrides: [String]) throws -> TrainingConfiguration {
    try TrainingConfiguration(yaml: SmallConfiguration.yaml, overrides: overrides)
  }

  private static func schedule(_ overrides: [String]) throws -> Schedule {
    let configuration = try configuration(overrides)
    return Schedule(configuration.scheduler, steps: configuration.steps)
  }

  @Test(arguments: [
    (0, 0.0002), (1, 0.000236), (100, 0.0038), (275, 0.0101), (550, 0.02), (7629, 0.02), (7630, 0.0199895),
    (8000, 0.0161091), (8583, 0.00999476), (9000, 0.0056214), (9536, 2e-10),
  ])
  func `warm-up, stable, decay`(step: Int, rate: Double) throws {
    let schedule = try Self.schedule(["scheduler={type: wsd, warmup_steps: 550, decay_ratio: 0.2}"])
    #expect(abs(0.02 * schedule.factor(step: step) / rate - 1) < 1e-5)
    #expect(schedule.decay(step: step) == 1)
  }

  @Test(arguments: [
    (0, 1e-5), (50, 5.05e-4), (100, 1e-3), (325, 8.68198e-4), (550, 5.5e-4), (775, 2.31802e-4), (1000, 1e-4),
  ])
  func `cosine`(step: Int, rate: Double) throws {
    let schedule = try Self.schedule([
      "max_steps=1000", "scheduler={type: cosine, warmup_steps: 100, min_lr_ratio: 0.1}",
    ])
    #expect(abs(1e-3 * schedule.factor(step: step) / rate - 1) < 1e-5)
  }

  @Test func `the two stages of BitNet: a line, and at half time a lower one and no decay`() throws {
    let schedule = try Self.schedule([
      "max_steps=2100", "scheduler={type: bitnet_two_stage, warmup_steps: 100, second_stage_lr_ratio: 0.5}",
    ])
    for (step, factor) in [
      (0, 0.01), (50, 0.505), (100, 1.0), (600, 0.75), (1049, 0.5255), (1050, 0.2625), (1600, 0.125),
    ] {
      #expect(abs(schedule.factor(step: step) - factor) < 1e-7, "\(step)")
    }
    #expect(schedule.factor(step: 2100) == 1e-8)
    #expect(schedule.decay(step: 1049) == 1 && schedule.decay(step: 1050) == 0)
  }

  @Test func `constant, and no warm-up`() throws {
    let schedule = try Self.schedule(["max_steps=10", "scheduler={type: constant, warmup_steps: 0}"])
    #expect((0...10).allSatisfy { schedule.factor(step: $0) == 1 })
  }

  @Test(arguments: [
    ("linear", nil, [0.1, 0.25, 0.5, 0.75, 0.9]),
    ("cosine", nil, [0.024472, 0.146447, 0.5, 0.853553, 0.975528]),
    ("sigmoid", 15, [0.002473, 0.022977, 0.5, 0.977023, 0.997527]),
    ("exponential", 4, [0.3439, 0.683594, 0.9375, 0.996094, 0.9999]),
    ("exponential", 10, [0.651322, 0.943686, 0.999023, 0.999999, 1]),
  ])
  func `lambda rises`(schedule: String, steepness: Int?, expected: [Double]) throws {
    let key = steepness.map { ", steepness: \($0)" } ?? ""
    let configuration = try Self.configuration([
      "lambda_warmup={enabled: true, warmup_steps: 1000, schedule: \(schedule)\(key)}"
    ])
    let warmup = LambdaWarmup(configuration.lambdaWarmup)
    for (step, value) in zip([100, 250, 500, 750, 900], expected) {
      #expect(abs(warmup.value(step: step) - value) < 1e-6, "\(step)")
    }
    #expect(warmup.value(step: 1000) == 1 && warmup.value(step: 5000) == 1)
  }

  @Test func `lambda keeps between its ends, and is 1 without a warm-up`() throws {
    let bounded = LambdaWarmup(
      try Self.configuration(["lambda_warmup={enabled: true, warmup_steps: 10, min: 0.2, max: 0.8}"]).lambdaWarmup)
    #expect(
      bounded.value(step: 0) == 0.2 && abs(bounded.value(step: 5) - 0.5) < 1e-12 && bounded.value(step: 10) == 0.8)
    let off = LambdaWarmup(try Self.configuration([]).lambdaWarmup)
    #expect(off.value(step: 0) == 1)
    let none = LambdaWarmup(try Self.configuration(["lambda_warmup={enabled: true, warmup_steps: 0}"]).lambdaWarmup)
    #expect(none.value(step: 0) == 1)
  }

  private static func curriculum(_ interpolation: String) throws -> Curriculum {
    let phases = """
      curriculum={enabled: true, interpolation: \(interpolation), phases: [
      {name: warmup, end_ratio: 0.1, objectives: {continue_pretrain: 1}},
      {name: dlm_ramp, end_ratio: 0.3, data_config: mix, objectives: {continue_pretrain: 1, dlm: 0.3}},
      {name: main, end_ratio: 0.8, objectives: {continue_pretrain: 1, dlm: 0.5}},
      {name: dlm_focus, end_ratio: 1, objectives: {continue_pretrain: 0.5, dlm: 1}}]}
      """
    let rest = ["data.mixtures.mix.web=1", "objectives.dlm={enabled: true, mask_token_id: 0}"]
    return Curriculum(try configuration([phases] + rest))
  }

  @Test(arguments: [
    ("linear", [0, 0, 0.075, 0.15, 0.331, 0.4, 0.75, 1]), ("cosine", [0, 0, 0.043934, 0.15, 0.311623, 0.4, 0.75, 1]),
    ("none", [0, 0, 0.3, 0.3, 0.5, 0.5, 1, 1]),
  ])
  func `weights go from phase to phase`(interpolation: String, expected: [Double]) throws {
    let curriculum = try Self.curriculum(interpolation)
    for (progress, weight) in zip([0, 0.05, 0.15, 0.2, 0.3775, 0.55, 0.9, 1], expected) {
      #expect(abs((curriculum.weights(progress: progress)["dlm"] ?? -1) - weight) < 1e-6, "\(progress)")
    }
    let late = curriculum.weights(progress: 0.9)["continue_pretrain"] ?? -1
    #expect(abs(late - (interpolation == "none" ? 0.5 : 0.75)) < 1e-12)
    #expect(curriculum.weights(progress: 0.3775)["continue_pretrain"] == 1)
    #expect(curriculum.weights(progress: 0.5)["logits_distill"] == 0)
  }

  @Test func `phases begin where those before them end`() throws {
    let curriculum = try Self.curriculum("linear")
    let phases = [0, 0.0999, 0.1, 0.3775, 0.8, 1].map { curriculum.phase(progress: $0) }
    #expect(phases.map(\.index) == [0, 0, 1, 2, 3, 3])
    #expect(phases.map(\.name) == ["warmup", "warmup", "dlm_ramp", "main", "dlm_focus", "dlm_focus"])
    #expect(curriculum.mixture(progress: 0.2) == "mix" && curriculum.mixture(progress: 0.5) == nil)
  }

  @Test func `without a curriculum the objectives' own weights hold`() throws {
    let curriculum = Curriculum(
      try Self.configuration(["objectives.continue_pretrain.weight=2", "objectives.dlm={mask_token_id: 0, weight: 3}"]))
    #expect(curriculum.weights(progress: 0.5)["continue_pretrain"] == 2)
    #expect(curriculum.weights(progress: 0.5)["dlm"] == 0)
    #expect(curriculum.phase(progress: 0.5) == (0, "all"))
  }
}
#endif
