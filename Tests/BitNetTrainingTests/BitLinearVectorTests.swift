#if Training
import BitNetTraining
import Kernels
import TestSupport
import Testing
import TrainingKernels

/// The vectors come from an independent computation in numpy, in double precision.
@Suite struct `BitLinear in training` {
  /// W and x of the vectors.
  private static let weights: [[Float]] = [[0.4, -0.1, 0.9, -0.6], [0.05, 0.7, -0.3, 0.2]]
  private static let input: [Float] = [1, -2, 0.5, 0.25]

  /// A model whose first query projection is `[2, 4]`.
  private static func model(lambda: Double) throws -> (TrainableModel, TrainableLinear) {
    let shape = TrainingShape(
      vocabularySize: 4, hiddenSize: 4, intermediateSize: 4, layerCount: 1, heads: 1, kvHeads: 1, headSize: 2)
    let model = try TrainableModel(shape, seed: 1, compute: Compute(threads: 1))
    let linear = model.layers[0].query
    for (row, values) in weights.enumerated() {
      for (column, value) in values.enumerated() { linear.weight.values[row: row][column] = value }
    }
    model.lambda = lambda
    model.prepareStep()
    return (model, linear)
  }

  private static func row(_ values: [Float]) -> FloatMatrix {
    let matrix = FloatMatrix(rows: 1, columns: values.count)
    for (column, value) in values.enumerated() { matrix[row: 0][column] = value }
    return matrix
  }

  private static func isClose(_ found: [Float], _ expected: [Double], within tolerance: Double = 2e-6) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs(Double($0) - $1) <= tolerance }
  }

  private static let outputs: [Double: [Double]] = [
    1: [0.511811, -1.017224], 0: [0.9, -1.45], 0.5: [0.706284, -1.233311],
  ]

  @Test(arguments: [0, 0.5, 1]) func `multiplies mixed operands`(lambda: Double) throws {
    let (model, linear) = try Self.model(lambda: lambda)
    let output = FloatMatrix(rows: 1, columns: 2)
    model.apply([(linear, output)], to: Self.row(Self.input), rows: 1)
    #expect(Self.isClose(output.copy(row: 0), try #require(Self.outputs[lambda])))
  }

  /// By the input, and by the first row of the weights.
  private static let gradients: [Double: [[Double]]] = [
    1: [[0.207923, -0.413247, 0.621171, -0.207923], [0.515841, -1.023622, 0.257921, 0.128960]],
    0.5: [[0.253888, -0.717489, 0.896804, -0.478680], [0.709064, -1.412568, 0.354532, 0.177266]],
  ]

  @Test(arguments: [0.5, 1]) func `has the straight-through gradient of half the squared output`(lambda: Double) throws
  {
    let expected = try #require(Self.gradients[lambda])
    let (model, linear) = try Self.model(lambda: lambda)
    let output = FloatMatrix(rows: 1, columns: 2), inputGradient = FloatMatrix(rows: 1, columns: 4)
    model.apply([(linear, output)], to: Self.row(Self.input), rows: 1)
    model.applyBackward([(linear, output)], input: Self.row(Self.input), rows: 1, into: inputGradient)
    #expect(Self.isClose(inputGradient.copy(row: 0), expected[0]))
    #expect(Self.isClose(linear.weight.gradient.copy(row: 0), expected[1]))
    if lambda == 1 {
      #expect(Self.isClose(linear.weight.gradient.copy(row: 1), [-1.025234, 2.034449, -0.512617, -0.256309]))
    }
  }

  private struct Step {
    let scale: Double
    let y: [Double]
    let loss: Double
    let trits: [Int8]
  }

  @Test func `flips a trit in three steps of AdamW`() throws {
    let (model, linear) = try Self.model(lambda: 1)
    let optimizer = AdamW([linear.weight], options: AdamW.Options(rate: 0.1, weightDecay: 0.1))
    let expected = [
      Step(scale: 0.40625, y: [0.51181102, -1.01722441], loss: 0.19617896, trits: [1, 0, 1, -1]),
      Step(scale: 0.43981250, y: [0.55409449, -1.10126280], loss: 0.17481327, trits: [1, 0, 1, -1]),
      Step(scale: 0.48595015, y: [1.58412097, -1.21678857], loss: 0.05898071, trits: [1, -1, 1, -1]),
    ]
    for step in expected {
      model.prepareStep()
      model.zeroGradients()
      let ternary = try #require(linear.ternary)
      #expect(abs(Double(ternary.scale) - step.scale) < 1e-6)
      #expect(ternary.values(row: 0) == step.trits)
      let output = FloatMatrix(rows: 1, columns: 2), gradient = FloatMatrix(rows: 1, columns: 2)
      model.apply([(linear, output)], to: Self.row(Self.input), rows: 1)
      #expect(Self.isClose(output.copy(row: 0), step.y))
      let loss = model.compute.crossEntropy(output, targets: [0], smoothing: 0, weight: 1, gradient: gradient)
      #expect(abs(loss - step.loss) < 1e-6)
      model.applyBackward(
        [(linear, gradient)], input: Self.row(Self.input), rows: 1, into: FloatMatrix(rows: 1, columns: 4))
      optimizer.step(factor: 1, decay: 1, on: model.compute)
    }
  }

  @Test func `norms by the root of the mean square`() throws {
    let compute = try Compute(threads: 1)
    let input = Self.row([1, 2, 3, 4]), gains = Self.row([1, 1, 1, 1]), output = FloatMatrix(rows: 1, columns: 4)
    compute.normalize(input, gains: gains, epsilon: 1e-5, rows: 1, into: output)
    #expect(Self.isClose(output.copy(row: 0), [0.365148, 0.730296, 1.095444, 1.460593]))
  }

  private struct Case {
    let logits: [Float]
    let target: Int
    let smoothing: Float
    let loss: Double
  }

  @Test func `knows the cross-entropy of small cases`() throws {
    let compute = try Compute(threads: 1)
    for one in [
      Case(logits: [2, 0.5, -1], target: 0, smoothing: 0, loss: 0.241311),
      Case(logits: [2, 0.5, -1], target: 0, smoothing: 0.1, loss: 0.391311),
      Case(logits: [2, 1, 0, -1], target: 1, smoothing: 0, loss: 1.440190),
      Case(logits: [2, 1, 0, -1], target: 1, smoothing: 0.1, loss: 1.490190),
    ] {
      let loss = compute.crossEntropy(
        Self.row(one.logits), targets: [one.target], smoothing: one.smoothing, weight: 1, gradient: nil)
      #expect(abs(loss - one.loss) < 1e-6)
    }
  }

  private struct Pair {
    let teacher: [Float]
    let student: [Float]
    let temperature: Float
    let loss: Double
  }

  @Test func `knows the distillation loss of small cases`() throws {
    let compute = try Compute(threads: 1)
    for one in [
      Pair(teacher: [2, 1, 0, -1], student: [1, 1, 0.5, 0], temperature: 5, loss: 0.279177),
      Pair(teacher: [3, 1, 0.2], student: [2, 1.5, 0], temperature: 1, loss: 0.165468),
      Pair(teacher: [3, 1, 0.2], student: [2, 1.5, 0], temperature: 5, loss: 0.206646),
    ] {
      let loss = compute.distillation(
        student: Self.row(one.student), teacher: Self.row(one.teacher), rows: 1, temperature: one.temperature,
        weight: 1, gradient: nil)
      #expect(abs(loss - one.loss) < 2e-6)
    }
  }
}
#endif
