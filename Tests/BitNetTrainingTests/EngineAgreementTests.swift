#if Training
import BitNet
import BitNetTraining
import Kernels
import TestSupport
import Testing

@Suite struct `The model in training` {
  private static func model(_ golden: TrainingGolden, lambda: Double) throws -> TrainableModel {
    let shape = try #require(golden.gradients.first { $0.name == "relu2-ternary" }).shape.shape
    let model = try TrainableModel(shape, seed: 1, compute: Compute(threads: 2))
    model.fillLikeTwin(seed: 7)
    model.lambda = lambda
    model.prepareStep()
    return model
  }

  @Test(arguments: [(0.0, QuantizationMode.none), (1.0, .bitLinear)])
  func `is the model that is served`(lambda: Double, mode: QuantizationMode) throws {
    let model = try Self.model(TrainingGolden.load(), lambda: lambda)
    let served = try Model(checkpoint: model.checkpoint(), options: Model.Options(mode: mode, threads: 2))
    let tokens = (0..<40).map { $0 * 7 % 37 }
    let pass = TrainingPass(causal: TokenBatch(sequences: [tokens], documents: [[0..<40]]))
    let logits = model.logits(rows: Array(0..<40), of: model.forward(pass, keepsActivations: false))
    var largest: Float = 0, differences: [Float] = []
    try served.makeSession().evaluate(
      tokens,
      eachLogits: { position, expected in
        for (found, expected) in zip(logits.copy(row: position), expected) {
          largest = max(largest, abs(expected))
          differences.append(abs(found - expected))
        }
      })
    // Only attention and head sum in another order; where that moves an activation across a rounding boundary, its int8 code
    // differs by one.
    let mean = differences.reduce(0, +) / Float(differences.count)
    #expect(differences.count == 40 * 37 && mean < 2e-5 * largest, "mean \(mean) of \(largest)")
    #expect((differences.max() ?? 0) < (lambda == 0 ? 1e-5 : 1e-2) * largest)
  }

  /// Widths with and without padding to the blocks of the packed layout.
  @Test(arguments: [24, 128, 200, 576]) func `ternarizes as the engine does`(width: Int) throws {
    var generator = SplitMix(seed: 4)
    let compute = try Compute(threads: 2), weights = FloatMatrix(rows: 37, columns: width)
    for row in 0..<37 {
      for column in 0..<width { weights[row: row][column] = Float.random(in: -1...1, using: &generator) }
    }
    let encoded = EncodedMatrix(type: .f32, rows: 37, columns: width, bytes: SharedBytes(copying: weights))
    let served = compute.ternarize(encoded).matrix, trained = compute.ternarize(weights)
    #expect(trained.scale == served.scale)
    for row in 0..<37 { #expect(trained.values(row: row) == served.values(row: row)) }
  }

  @Test func `computes the same bits again, and nearly the same on other threads`() throws {
    let golden = try TrainingGolden.load()
    func gradients(threads: Int) throws -> [[Float]] {
      let shape = try #require(golden.gradients.first { $0.name == "diffusion" }).shape.shape
      let model = try TrainableModel(shape, seed: 3, compute: Compute(threads: threads))
      model.prepareStep()
      let objective = try twinObjective("diffusion", smoothing: 0)
      model.accumulate(
        [WeightedObjective(objective, weight: 1, total: 10)], batch: twinBatch(), random: TrainingRandom(seed: 9))
      return model.parameters.map { parameter in
        (0..<parameter.gradient.rows).flatMap { parameter.gradient.copy(row: $0) }
      }
    }
    let first = try gradients(threads: 2)
    #expect(try gradients(threads: 2) == first)
    for (left, right) in zip(first, try gradients(threads: 1)) {
      let largest = left.map { abs($0) }.max() ?? 0
      #expect(zip(left, right).allSatisfy { abs($0 - $1) <= 1e-3 * largest })
    }
  }

  @Test(arguments: ["models/llama-tied", "models/llama-untied", "models/qwen2", "models/qwen3", "models/bitnet-online"])
  func `begins as a checkpoint's model`(folder: String) throws {
    try expectAgreement(try Checkpoint(path: TestFiles.goldenPath(folder)))
  }

  /// Its rows of queries and keys are in the order of neighbouring pairs.
  @Test(.enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-smollm2 first"))
  func `begins as the model of a GGUF file`() throws {
    try expectAgreement(try Checkpoint(path: TestFiles.smolLM2))
  }

  private func expectAgreement(_ checkpoint: Checkpoint) throws {
    let model = try TrainableModel(checkpoint: checkpoint, compute: Compute(threads: 2))
    model.lambda = 0
    model.prepareStep()
    let served = try Model(checkpoint: checkpoint, options: Model.Options(mode: QuantizationMode.none, threads: 2))
    let tokens = Array(1...12)
    let pass = TrainingPass(causal: TokenBatch(sequences: [tokens], documents: [[0..<12]]))
    let logits = model.logits(rows: [11], of: model.forward(pass, keepsActivations: false)).copy(row: 0)
    let expected = try served.makeSession().logits(after: tokens)
    let largest = expected.map { abs($0) }.max() ?? 0
    #expect(zip(logits, expected).allSatisfy { abs($0 - $1) < 2e-5 * largest })
  }

  @Test func `leaves excluded layers dense and takes over norms that it inserts`() throws {
    var options = AdoptionOptions()
    options.insertsSubNorms = true
    options.excludedLayers = ["layers.0", "down_proj"]
    let checkpoint = try Checkpoint(path: TestFiles.goldenPath("models/llama-tied"))
    let model = try TrainableModel(checkpoint: checkpoint, options: options, compute: Compute(threads: 1))
    let quantized = model.parameters.filter { $0.role == .bitLinear }.map(\.name)
    #expect(!quantized.contains { $0.hasPrefix("blk.0.") || $0.contains("ffn_down") })
    #expect(quantized.contains("blk.1.attn_q.weight"))
    #expect(model.parameters.contains { $0.name == "blk.1.ffn_sub_norm.weight" })
  }

  @Test func `does not begin with ternary weights, except to listen to them`() throws {
    let checkpoint = try Checkpoint(path: TestFiles.goldenPath("models/bitnet-offline"))
    #expect(throws: ModelError.self) { try TrainableModel(checkpoint: checkpoint, compute: Compute(threads: 1)) }
    var options = AdoptionOptions()
    options.isTeacher = true
    let model = try TrainableModel(checkpoint: checkpoint, options: options, compute: Compute(threads: 1))
    #expect(!model.parameters.contains { $0.role == .bitLinear })
  }
}
#endif
