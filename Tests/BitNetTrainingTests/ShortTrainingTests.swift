#if Training
import BitNetTraining
import Kernels
import TestSupport
import Testing

/// Golden values: Tests/Golden/make_training_golden.py. The rates are small: with larger ones a trit that rounding flips
/// parts PyTorch's own float32 and float64 trainings by more than 1 %.
@Suite struct `Short trainings` {
  static func shape() -> TrainingShape {
    TrainingShape(vocabularySize: 256, hiddenSize: 128, intermediateSize: 384, layerCount: 4, heads: 4, kvHeads: 2)
  }

  /// The text of the script: mostly three times the last token and one.
  static func batch(_ step: Int) -> TokenBatch {
    let random = TrainingRandom(seed: 8)
    let sequences = (0..<4).map { sequence in
      var tokens = [Int(random.value(step, sequence, 0) % 256)]
      for i in 1..<64 {
        let follows = random.unit(step, sequence, i, 0) < 0.9
        tokens.append(follows ? (3 * tokens[i - 1] + 1) % 256 : Int(random.value(step, sequence, i, 1) % 256))
      }
      return tokens
    }
    return TokenBatch(sequences: sequences, documents: sequences.map { _ in [0..<64] })
  }

  private static func optimizer(_ name: String, _ parameters: [Parameter]) -> any Optimizer {
    name == "muon"
      ? Muon(
        parameters, options: Muon.Options(rate: 0.002, weightDecay: 0.01),
        rest: AdamW.Options(rate: 2e-4, weightDecay: 0))
      : AdamW(parameters, options: AdamW.Options(rate: 2e-4, weightDecay: 0.1))
  }

  @Test(arguments: ["adamw", "muon"]) func `fall as in PyTorch, step by step`(name: String) throws {
    let expected = try #require(try TrainingGolden.load().trainings[name])
    let compute = try Compute(threads: 2), objective = ContinuePretrain(), random = TrainingRandom(seed: 0)
    let model = try TrainableModel(Self.shape(), seed: 7, compute: compute)
    let optimizer = Self.optimizer(name, model.parameters)
    for (step, loss) in expected.enumerated() {
      model.prepareStep()
      model.zeroGradients()
      let batch = Self.batch(step)
      let total = objective.supervisedCount(batch, random: random)
      let results = model.accumulate(
        [WeightedObjective(objective, weight: 1, total: total)], batch: batch, random: random)
      #expect(abs(results[0].result.loss - loss) < 0.01 * loss, "step \(step): \(results[0].result.loss), not \(loss)")
      optimizer.step(factor: 1, decay: 1, on: compute)
    }
  }
}
#endif
