#if Training
import BitNetTraining
import Kernels
import TestSupport
import Testing
import TrainingKernels

/// Golden values: Tests/Golden/make_training_golden.py.
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

  @Test func `fall as in PyTorch, step by step`() throws {
    let expected = try #require(try TrainingGolden.load().trainings["adamw"])
    let compute = try Compute(threads: 2), objective = ContinuePretrain()
    let model = try TrainableModel(Self.shape(), seed: 7, compute: compute)
    let moments = model.parameters.map { parameter in
      (0..<2).map { _ in FloatMatrix(rows: parameter.values.rows, columns: parameter.values.columns) }
    }
    for (step, loss) in expected.enumerated() {
      model.prepareStep()
      model.zeroGradients()
      let batch = Self.batch(step), random = TrainingRandom(seed: 0)
      let total = objective.supervisedCount(batch, random: random)
      let results = model.accumulate(
        [WeightedObjective(objective, weight: 1, total: total)], batch: batch, random: random)
      #expect(abs(results[0].result.loss - loss) < 0.01 * loss, "step \(step): \(results[0].result.loss), not \(loss)")
      for (parameter, moment) in zip(model.parameters, moments) {
        let isMatrix = parameter.role == .bitLinear
        compute.adamW(
          parameter.values, gradient: parameter.gradient, first: moment[0], second: moment[1],
          AdamWStep(rate: 1e-3, decay: isMatrix ? 0.1 : 0, number: step + 1))
      }
    }
  }
}
#endif
