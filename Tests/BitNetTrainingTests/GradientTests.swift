#if Training
import BitNet
import BitNetTraining
import Kernels
import TestSupport
import Testing

/// Golden values: Tests/Golden/make_training_golden.py, an independent model in PyTorch, in double precision.
@Suite struct `Gradients` {
  private static let names = [
    "relu2-float", "relu2-mixed", "relu2-ternary", "silu-untied", "qwen-ternary", "diffusion", "diffusion-ratio",
    "diffusion-causal",
  ]

  private static func model(_ golden: TrainingGolden.Gradients, threads: Int = 2) throws -> TrainableModel {
    let model = try TrainableModel(golden.shape.shape, seed: 1, compute: Compute(threads: threads))
    model.fillLikeTwin(seed: 7)
    model.lambda = golden.lam
    model.prepareStep()
    return model
  }

  @Test(arguments: names, [false, true])
  func `are those of PyTorch`(name: String, checkpointed: Bool) throws {
    let golden = try #require(try TrainingGolden.load().gradients.first { $0.name == name })
    let model = try Self.model(golden)
    model.checkpointsGradients = checkpointed
    let objective = try twinObjective(golden.view, smoothing: golden.smoothing)
    let batch = twinBatch(), random = TrainingRandom(seed: 9)
    let count = objective.supervisedCount(batch, random: random)
    #expect(count == golden.count)
    let results = model.accumulate(
      [WeightedObjective(objective, weight: 1, total: count)], batch: batch, random: random)
    #expect(abs(results[0].result.loss - golden.loss) < 1e-5 * golden.loss)
    let evaluated = model.evaluate([objective], batch: batch, random: random)
    #expect(evaluated[0].result == results[0].result)
    let tensors = try TrainingGolden.tensors(name)
    for parameter in model.parameters {
      let expected = try #require(tensors[parameter.name])
      let difference = relativeDifference(parameter.gradient, expected)
      #expect(difference < 1e-4, "\(parameter.name): \(difference)")
    }
  }
}
#endif
