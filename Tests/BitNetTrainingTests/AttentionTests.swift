#if Training
import BitNetTraining
import Foundation
import Kernels
import TestSupport
import Testing
import TrainingKernels

@Suite struct `Attention in training` {
  private static let batch = TokenBatch(
    sequences: [Array(0..<200), Array(200..<400)],
    documents: [[0..<3, 3..<150, 150..<200], [0..<64, 64..<65, 65..<200]])

  private static func passes() -> [(String, TrainingPass)] {
    let random = TrainingRandom(seed: 5)
    return [
      ("causal", PassView.causal.pass(batch, random: random)),
      (
        "blocks of 8",
        PassView.blockDiffusion(BlockDiffusionView(maskToken: 0, blockSize: 8)).pass(batch, random: random)
      ),
      (
        "blocks of 32, one copy",
        PassView.blockDiffusion(BlockDiffusionView(maskToken: 0, blockSize: 32, isComplementary: false))
          .pass(batch, random: random)
      ),
    ]
  }

  private static func random(_ rows: Int, _ columns: Int, _ generator: inout SplitMix) -> FloatMatrix {
    let matrix = FloatMatrix(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row: row][column] = Float.random(in: -2...2, using: &generator) }
    }
    return matrix
  }

  @Test(arguments: 0..<3) func `gives what each query's own softmax gives`(index: Int) throws {
    let (name, pass) = Self.passes()[index]
    let compute = try Compute(threads: 2), rows = pass.tokens.count, size = 6
    var generator = SplitMix(seed: 3)
    let states = AttentionStates(
      queries: Self.random(rows, 4 * size, &generator), keys: Self.random(rows, 2 * size, &generator),
      values: Self.random(rows, 2 * size, &generator), headSize: size)
    let plan = AttentionPlanner.plan(pass.groups)
    let output = FloatMatrix(rows: rows, columns: 4 * size)
    compute.attend(
      states, plan, scratch: AttentionScratch(plan, heads: 2, headSize: size, compute: compute), into: output)
    var largest = 0.0
    for group in pass.groups {
      let keys = group.keys.flatMap { Array($0) }
      for (offset, query) in group.queries.enumerated() {
        for head in 0..<4 {
          let expected = Self.attention(query, Array(keys.prefix(group.seen[offset])), head: head, states)
          for i in 0..<size { largest = max(largest, abs(expected[i] - Double(output[row: query][head * size + i]))) }
        }
      }
    }
    #expect(largest < 2e-6, "\(name)")
    // Blocks are not computed one by one.
    #expect(
      plan.tiles.count * 20 <= rows, "\(name): \(plan.tiles.count) tiles")
  }

  private static func attention(_ query: Int, _ keys: [Int], head: Int, _ states: AttentionStates) -> [Double] {
    let size = states.headSize, kv = head / 2 * size
    let scores = keys.map { key in
      (0..<size).reduce(0.0) {
        $0 + Double(states.queries[row: query][head * size + $1]) * Double(states.keys[row: key][kv + $1])
      } / Double(size).squareRoot()
    }
    let weights = scores.map { exp($0 - (scores.max() ?? 0)) }, total = weights.reduce(0, +)
    return (0..<size).map { i in
      zip(keys, weights).reduce(0.0) { $0 + $1.1 / total * Double(states.values[row: $1.0][kv + i]) }
    }
  }
}

@Suite struct `The view of block diffusion` {
  /// arXiv 2509.26328: the mask for four tokens in blocks of two has 24 ones.
  @Test func `lets a row see its own noised block and the clean ones before it`() {
    let view = BlockDiffusionView(maskToken: 9, blockSize: 2, isComplementary: false)
    let pass = view.pass(TokenBatch(sequences: [[1, 2, 3, 4]], documents: [[0..<4]]), random: TrainingRandom(seed: 1))
    let seen = pass.groups.flatMap { group in
      zip(group.queries, group.seen).map { query, count in
        (query, Array(group.keys.flatMap { Array($0) }.prefix(count)).sorted())
      }
    }
    #expect(seen.map(\.0) == Array(0..<8))
    #expect(
      seen.map(\.1) == [
        [0, 1], [0, 1], [2, 3, 4, 5], [2, 3, 4, 5], [4, 5], [4, 5], [4, 5, 6, 7], [4, 5, 6, 7],
      ])
  }

  @Test func `predicts every token but a document's first once`() {
    let view = BlockDiffusionView(maskToken: 99, blockSize: 4)
    let tokens = Array(10..<31), batch = TokenBatch(sequences: [tokens], documents: [[0..<10, 10..<21]])
    let pass = view.pass(batch, random: TrainingRandom(seed: 2))
    // 10 tokens become three blocks, 11 too.
    #expect(pass.tokens.count == 2 * 12 + 10 + 2 * 12 + 11)
    #expect(pass.targets.map(\.token).sorted() == Array(11..<20) + Array(21..<31))
    for target in pass.targets {
      #expect(pass.tokens[target.row + 1] == 99)
      #expect(pass.positions[target.row + 1] == (target.token - 10) % 10 || target.token >= 20)
    }
  }

  @Test func `masks the share that it is told to`() {
    let tokens = [Int](repeating: 1, count: 20_001), batch = TokenBatch(sequences: [tokens], documents: [[0..<20_001]])
    func share(_ probability: Double?) -> Double {
      let objective = BlockDiffusionObjective(
        BlockDiffusionView(maskToken: 0, blockSize: 4, maskProbability: probability, isComplementary: false))
      return Double(objective.supervisedCount(batch, random: TrainingRandom(seed: 3))) / 20_000
    }
    #expect(abs(share(0.15) - 0.15) < 0.01)
    #expect(abs(share(nil) - 0.5005) < 0.02)
  }
}
#endif
