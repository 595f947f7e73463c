#if Training
import BitNetTraining
import Kernels
import TestSupport
import Testing

/// Golden values: Tests/Golden/make_training_golden.py.
@Suite struct `Distillation` {
  private static func student(_ shape: TrainingShape, lambda: Double) throws -> TrainableModel {
    let model = try TrainableModel(shape, seed: 1, compute: Compute(threads: 2))
    model.fillLikeTwin(seed: 7)
    model.lambda = lambda
    model.prepareStep()
    return model
  }

  private static func teacher(_ shape: TrainingShape) throws -> Teacher {
    var shape = shape
    shape.hasSubNorms = false
    shape.activation = .silu
    let model = try TrainableModel(shape, seed: 1, compute: Compute(threads: 2))
    model.fillLikeTwin(seed: 11)
    model.lambda = 0
    return Teacher(model)
  }

  private static func objective(_ name: String, _ teacher: Teacher) -> any Objective {
    switch name {
    case "logits": return LogitsDistill(teacher: teacher, temperature: 5)
    case "attention": return AttentionDistill(teacher: teacher, layer: 1, teacherLayer: 0, heads: 4)
    default: return LayerwiseDistill(teacher: teacher, distance: LayerwiseDistill.Distance(rawValue: name) ?? .mse)
    }
  }

  private static func shape() throws -> TrainingShape {
    try #require(try TrainingGolden.load().gradients.first { $0.name == "relu2-ternary" }).shape.shape
  }

  @Test(arguments: ["logits", "attention", "mse", "mse_normalized", "inner_product"], [false, true])
  func `has the gradients of PyTorch`(name: String, checkpointed: Bool) throws {
    let golden = try #require(try TrainingGolden.load().distillation.first { $0.name == name })
    let shape = try Self.shape(), random = TrainingRandom(seed: 9), batch = twinBatch()
    let model = try Self.student(shape, lambda: ["logits", "attention"].contains(name) ? 1 : 0)
    model.checkpointsGradients = checkpointed
    let objective = Self.objective(name, try Self.teacher(shape))
    let count = objective.supervisedCount(batch, random: random)
    #expect(count == golden.count)
    let results = model.accumulate(
      [WeightedObjective(objective, weight: 1, total: count)], batch: batch, random: random)
    #expect(abs(results[0].result.loss - golden.loss) < 2e-5 * golden.loss)
    #expect(abs(model.evaluate([objective], batch: batch, random: random)[0].result.loss - golden.loss) < 2e-5)
    let tensors = try TrainingGolden.tensors("distill-\(name)")
    for parameter in model.parameters {
      let difference = relativeDifference(parameter.gradient, try #require(tensors[parameter.name]))
      #expect(difference < 1e-4, "\(parameter.name): \(difference)")
    }
  }

  @Test func `shares passes without changing gradients`() throws {
    let shape = try Self.shape(), random = TrainingRandom(seed: 9), batch = twinBatch()
    func gradients(_ parts: [[String]]) throws -> [[Float]] {
      let model = try Self.student(shape, lambda: 1), teacher = try Self.teacher(shape)
      for names in parts {
        let objectives = names.map { name -> WeightedObjective in
          let objective = name == "ce" ? ContinuePretrain() as any Objective : Self.objective(name, teacher)
          return WeightedObjective(
            objective, weight: 0.5, total: objective.supervisedCount(batch, random: random))
        }
        model.accumulate(objectives, batch: batch, random: random)
      }
      return model.parameters.map { parameter in
        (0..<parameter.gradient.rows).flatMap { parameter.gradient.copy(row: $0) }
      }
    }
    let together = try gradients([["ce", "logits", "attention", "mse"]])
    let apart = try gradients([["ce"], ["logits"], ["attention"], ["mse"]])
    for (left, right) in zip(together, apart) {
      let largest = left.map { abs($0) }.max() ?? 0
      #expect(largest > 0)
      #expect(zip(left, right).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
  }

  @Test func `does not evaluate what has no weight`() throws {
    let shape = try Self.shape(), batch = twinBatch(), random = TrainingRandom(seed: 9)
    let model = try Self.student(shape, lambda: 1)
    let results = model.accumulate(
      [
        WeightedObjective(ContinuePretrain(), weight: 0, total: 10),
        WeightedObjective(
          BlockDiffusionObjective(BlockDiffusionView(maskToken: 36, blockSize: 4)), weight: 1, total: 10),
      ], batch: batch, random: random)
    #expect(results.map(\.name) == ["dlm"])
  }

  private static let weights: [LayerwiseDistill.LayerWeights: [Double]] = [
    .uniform: [0.25, 0.25, 0.25, 0.25], .progressive: [0.1, 0.2, 0.3, 0.4],
    .exponential: [0.066667, 0.133333, 0.266667, 0.533333],
  ]

  @Test(arguments: [LayerwiseDistill.LayerWeights.uniform, .progressive, .exponential])
  func `weights blocks`(weights: LayerwiseDistill.LayerWeights) throws {
    let expected = try #require(Self.weights[weights])
    #expect(zip(weights.values(4), expected).allSatisfy { abs($0 - $1) < 1e-6 })
  }
}
#endif
