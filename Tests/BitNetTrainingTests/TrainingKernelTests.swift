#if Training
import Kernels
import TestSupport
import Testing
import TrainingKernels

/// The scalar kernels are the specification: every instruction set gives their bits.
@Suite struct `Training kernels` {
  /// Widths around those of vectors and blocks.
  private static let widths = [1, 15, 16, 17, 31, 33, 100, 128, 130, 2049]

  private static func random(_ rows: Int, _ columns: Int, _ seed: UInt64) -> FloatMatrix {
    var generator = SplitMix(seed: seed)
    let matrix = FloatMatrix(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row: row][column] = Float.random(in: -3...3, using: &generator) }
    }
    return matrix
  }

  private static func rows(_ matrices: FloatMatrix...) -> [[UInt32]] {
    matrices.flatMap { matrix in (0..<matrix.rows).map { matrix.copy(row: $0).map(\.bitPattern) } }
  }

  /// Everything that a kernel gives, by name.
  private static func results(_ compute: Compute, width: Int) -> [String: [[UInt32]]] {
    let a = random(3, width, 1), b = random(3, width, 2), c = random(3, width, 3), gains = random(1, width, 4)
    let out = FloatMatrix(rows: 3, columns: width), sums = FloatMatrix(rows: 1, columns: width)
    var found: [String: [[UInt32]]] = [:]
    compute.normalizeBackward(
      a, gains: gains, epsilon: 1e-5, gradient: b, rows: 3, into: out, gainGradient: sums)
    found["norm"] = rows(out, sums)
    for activation in [GateActivation.silu, .squaredReLU] {
      let gate = random(3, width, 5), up = random(3, width, 6)
      compute.gatedBackward(gate, up, activation: activation, gradient: b, rows: 3)
      found["gate \(activation)"] = rows(gate, up)
    }
    for lambda in [Float(0.3), 1] {
      compute.mixActivations(a, lambda: lambda, rows: 3, into: out)
      found["activations \(lambda)"] = rows(out)
      compute.mixWeights(a, scale: 0.7, lambda: lambda, rows: 3, into: out)
      found["weights \(lambda)"] = rows(out)
    }
    let ternary = compute.ternarize(a)
    found["trits"] = (0..<3).map { row in ternary.values(row: row).map { UInt32(bitPattern: Int32($0)) } }
    found["scale"] = [[ternary.scale.bitPattern]]
    let targets = (0..<3).map { $0 % width }
    let loss = compute.crossEntropy(a, targets: targets, smoothing: 0.1, weight: 0.5, gradient: out)
    found["cross-entropy"] = rows(out) + [[UInt32(truncatingIfNeeded: loss.bitPattern >> 16)]]
    let divergence = compute.distillation(
      student: a, teacher: b, rows: 3, temperature: 2, weight: 0.5, gradient: out, accumulating: true)
    found["distillation"] = rows(out) + [[UInt32(truncatingIfNeeded: divergence.bitPattern >> 16)]]
    let weights = random(3, width, 7), first = random(3, width, 8), second = FloatMatrix(rows: 3, columns: width)
    let update = AdamWUpdate(rate: 0.01, decay: 0.1, betas: (0.9, 0.95), epsilon: 1e-8, step: 3)
    update.apply(values: weights, gradient: c, mean: first, square: second, on: compute)
    found["adamw"] = rows(weights, first, second)
    found["squares"] = [[UInt32(truncatingIfNeeded: compute.sumOfSquares(a).bitPattern)]]
    return found
  }

  @Test(arguments: InstructionSet.available, widths)
  func `give the same bits on every instruction set`(instructionSet: InstructionSet, width: Int) throws {
    let expected = Self.results(try Compute(threads: 1, instructionSet: .scalar), width: width)
    let found = Self.results(try Compute(threads: 2, instructionSet: instructionSet), width: width)
    #expect(found.count == expected.count)
    for (name, value) in expected { #expect(found[name] == value, "\(name)") }
  }
}
#endif
