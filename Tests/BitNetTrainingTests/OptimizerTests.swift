#if Training
import BitNetTraining
import Foundation
import Kernels
import TestSupport
import Testing

/// Against `Tests/Golden/make_optimizer_golden.py`, which runs PyTorch's optimizers, and against vectors computed by numpy.
@Suite struct `Optimizers` {
  private struct Golden: Decodable {
    struct Case: Decodable {
      let kind: String
      let shape: [Int]
      let weights: [Double]
    }
    let steps: Int
    let cases: [Case]
    let norm: Double
  }

  private static func golden() throws -> Golden {
    try JSONDecoder().decode(Golden.self, from: Data(TestFiles.goldenBytes("optimizers.json")))
  }

  /// The numbers of the golden script.
  private static func fill(_ matrix: FloatMatrix, seed: Int, scale: Float) {
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        let k = row * matrix.columns + column
        let number = (k * k * 7919 + k * seed * 31 + seed) % 2039 - 1019
        matrix[row: row][column] = Float(number) / 1024 * scale
      }
    }
  }

  private static func parameter(_ rows: [[Float]], role: Parameter.Role = .bitLinear) -> Parameter {
    let parameter = Parameter(name: "w", role: role, rows: rows.count, columns: rows[0].count)
    for (row, values) in rows.enumerated() {
      for (column, value) in values.enumerated() { parameter.values[row: row][column] = value }
    }
    return parameter
  }

  private static func configuration(_ kind: String) throws -> TrainingConfiguration.Optimizer {
    let text = kind == "adamw" ? "type=adamw" : "type=muon"
    let common = [
      "optimizer.\(text)", "optimizer.weight_decay=0.1", "optimizer.lr_muon=0.02", "optimizer.lr_adam=0.01",
    ]
    let adjustment = kind == "adamw" ? [] : ["optimizer.adjust_lr_fn=\(kind)"]
    return try TrainingConfiguration(yaml: SmallConfiguration.yaml, overrides: common + adjustment).optimizer
  }

  @Test func `follow PyTorch for twenty steps`() throws {
    let compute = try Compute(threads: 2)
    let golden = try Self.golden()
    #expect(golden.cases.count == 9)
    for item in golden.cases {
      let parameter = Parameter(name: "w", role: .bitLinear, rows: item.shape[0], columns: item.shape[1])
      Self.fill(parameter.values, seed: 1, scale: 0.25)
      let optimizer = makeOptimizer(try Self.configuration(item.kind), parameters: [parameter])
      for step in 0..<golden.steps {
        Self.fill(parameter.gradient, seed: step + 2, scale: step == 11 ? 8 : 0.125)
        optimizer.step(factor: 1 - Double(step) / Double(golden.steps), decay: 1, on: compute)
      }
      let found = (0..<item.shape[0]).flatMap { parameter.values.copy(row: $0).map(Double.init) }
      let largest = item.weights.map(abs).max() ?? 0
      let error = zip(found, item.weights).map { abs($0 - $1) }.max() ?? .infinity
      #expect(error < 1e-5 * largest, "\(item.kind) \(item.shape): \(error) of \(largest)")
    }
  }

  @Test func `two steps of AdamW are those of its definition`() throws {
    let compute = try Compute(threads: 1)
    let parameter = Self.parameter([[1]])
    var options = AdamW.Options(rate: 1e-3, weightDecay: 0.1)
    options.betas = (0.9, 0.95)
    let optimizer = AdamW([parameter], options: options)
    for (gradient, expected) in [(Float(0.5), 0.99890000002), (-0.25, 0.99853174)] {
      parameter.gradient[row: 0][0] = gradient
      optimizer.step(factor: 1, decay: 1, on: compute)
      #expect(abs(Double(parameter.values.copy(row: 0)[0]) - expected) < 1e-7)
    }
    #expect(optimizer.stepCount == 2)
  }

  @Test(arguments: [
    ([[1, 2], [3, 4]], [[-0.680661, 0.825540], [0.741295, 0.259440]]),
    ([[1, 2, 3], [4, 5, 6]], [[-0.568290, 0.057742, 0.683774], [0.563355, 0.405613, 0.247871]]),
    ([[1, 0, 2], [0, 3, -1]], [[0.329599, 0.003882, 0.657904], [0.001294, 0.979092, -0.323776]]),
  ])
  func `orthogonalization gives the vectors computed in double precision`(matrix: [[Float]], expected: [[Double]])
    throws
  {
    let compute = try Compute(threads: 1)
    let space = Orthogonalization(rows: matrix.count, columns: matrix[0].count)
    for (row, values) in matrix.enumerated() {
      for (column, value) in values.enumerated() { space.matrix[row: row][column] = value }
    }
    let result = space.run(on: compute)
    for (row, values) in expected.enumerated() {
      for (column, value) in values.enumerated() { #expect(abs(Double(result.copy(row: row)[column]) - value) < 3e-6) }
    }
  }

  @Test func `decay spares norms, biases and embeddings`() throws {
    let compute = try Compute(threads: 1)
    for role in [Parameter.Role.bitLinear, .linear, .head, .embedding, .norm, .bias] {
      let parameter = Self.parameter([[1, 2]], role: role)
      let optimizer = makeOptimizer(try Self.configuration("original"), parameters: [parameter])
      optimizer.step(factor: 1, decay: 1, on: compute)
      let decays = [.bitLinear, .linear, .head].contains(role)
      #expect((parameter.values.copy(row: 0)[0] < 1) == decays, "\(role)")
      // The second stage of the recipe has no decay at all.
      let before = parameter.values.copy(row: 0)
      optimizer.step(factor: 1, decay: 0, on: compute)
      #expect(parameter.values.copy(row: 0) == before, "\(role)")
    }
  }

  @Test(arguments: ["adamw", "original"])
  func `the state carries a run on to the bit`(kind: String) throws {
    let compute = try Compute(threads: 2)
    func begin() -> [Parameter] {
      [
        Parameter(name: "a", role: .bitLinear, rows: 8, columns: 24),
        Parameter(name: "n", role: .norm, rows: 1, columns: 24),
      ]
    }
    func train(_ optimizer: any BitNetTraining.Optimizer, _ parameters: [Parameter], _ steps: Range<Int>) {
      for step in steps {
        for parameter in parameters { Self.fill(parameter.gradient, seed: step + 2, scale: 0.5) }
        optimizer.step(factor: 0.5, decay: 1, on: compute)
      }
    }
    func copy(_ source: FloatMatrix, to target: FloatMatrix) {
      for row in 0..<source.rows { target.copyRow(row, of: source, to: row) }
    }
    let (whole, first, second) = (begin(), begin(), begin())
    train(makeOptimizer(try Self.configuration(kind), parameters: whole), whole, 0..<6)
    let saved = makeOptimizer(try Self.configuration(kind), parameters: first)
    train(saved, first, 0..<3)
    let resumed = makeOptimizer(try Self.configuration(kind), parameters: second)
    resumed.stepCount = saved.stepCount
    #expect(saved.state.map(\.name) == resumed.state.map(\.name) && !saved.state.isEmpty)
    for (source, target) in zip(saved.state, resumed.state) { copy(source.matrix, to: target.matrix) }
    for (source, target) in zip(first, second) { copy(source.values, to: target.values) }
    train(resumed, second, 3..<6)
    for (one, other) in zip(whole, second) {
      for row in 0..<one.values.rows { #expect(one.values.copy(row: row) == other.values.copy(row: row)) }
    }
  }

  @Test func `a gradient's norm is PyTorch's and does not depend on the threads`() throws {
    let shapes = [(12, 20), (24, 16), (16, 16)]
    var norms: [Double] = []
    for threads in [1, 2, 3] {
      let compute = try Compute(threads: threads)
      let parameters = shapes.map { Parameter(name: "w", role: .bitLinear, rows: $0.0, columns: $0.1) }
      for parameter in parameters { Self.fill(parameter.gradient, seed: 2, scale: 0.125) }
      norms.append(try clipGradients(parameters, maximumNorm: 1, on: compute))
      let clipped = try clipGradients(parameters, maximumNorm: 1, on: compute)
      #expect(abs(clipped - 1) < 1e-5)
    }
    #expect(abs(norms[0] / (try Self.golden().norm) - 1) < 1e-12)
    #expect(norms[1] == norms[0] && norms[2] == norms[0])
  }

  @Test func `a small gradient, and any without a limit, is left alone`() throws {
    let compute = try Compute(threads: 1)
    let parameter = Parameter(name: "w", role: .bitLinear, rows: 1, columns: 2)
    parameter.gradient[row: 0][0] = 3
    parameter.gradient[row: 0][1] = 4
    for limit in [0.0, 6] {
      #expect(try clipGradients([parameter], maximumNorm: limit, on: compute) == 5)
      #expect(parameter.gradient.copy(row: 0) == [3, 4])
    }
  }

  @Test(arguments: [Float.nan, .infinity])
  func `a gradient that is no number is refused by name`(value: Float) throws {
    let compute = try Compute(threads: 1)
    let parameters = ["a", "b"].map { Parameter(name: $0, role: .bitLinear, rows: 2, columns: 20) }
    parameters[0].gradient[row: 0][0] = 100
    parameters[1].gradient[row: 1][19] = value
    let error = try #require(throws: NonFiniteGradient.self) {
      try clipGradients(parameters, maximumNorm: 1, on: compute)
    }
    #expect(error.parameter == "b")
    #expect(parameters[0].gradient.copy(row: 0)[0] == 100)
  }
}
#endif
