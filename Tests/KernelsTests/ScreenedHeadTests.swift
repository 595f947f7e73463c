import Kernels
import TestSupport
import Testing

@Suite struct ScreenedHeadTests {
  private func head(_ rows: [[Float]]) -> EncodedMatrix {
    EncodedMatrix(
      type: .f32, rows: rows.count, columns: rows[0].count,
      bytes: SharedBytes(copying: rows.flatMap(\.self).littleEndianBytes))
  }

  private func input(_ values: [Float]) -> FloatMatrix {
    let matrix = FloatMatrix(rows: 1, columns: values.count)
    for (i, value) in values.enumerated() { matrix[row: 0][i] = value }
    return matrix
  }

  /// Checks that the screened head's answer contains the exact head's `count` largest, with the exact bits.
  private func check(_ rows: [[Float]], _ x: [Float], counts: [Int], isa: InstructionSet) throws -> Int {
    let compute = try Compute(threads: 2, instructionSet: isa)
    let exact = head(rows)
    let logits = FloatMatrix(rows: 1, columns: rows.count)
    compute.multiply(exact, input(x), rows: 1, into: logits)
    let all = logits.copy(row: 0)
    let screened = ScreenedHead(exact, pool: compute.pool)
    var fewest = rows.count
    for count in counts {
      // Together with other tokens, as several guesses are checked.
      let inputs = FloatMatrix(rows: 3, columns: x.count)
      for (i, value) in x.enumerated() {
        inputs[row: 0][i] = -value
        inputs[row: 1][i] = value
        inputs[row: 2][i] = 1
      }
      let found = screened.largest(count, input(x), scores: FloatMatrix(rows: 1, columns: rows.count), on: compute)[0]
      let together = screened.largest(
        count, inputs, tokens: 3, scores: FloatMatrix(rows: 3, columns: rows.count), on: compute)[1]
      #expect(together.map(\.row) == found.map(\.row) && together.map(\.logit) == found.map(\.logit))
      for (row, logit) in found { #expect(logit.bitPattern == all[row].bitPattern) }
      let kept = Set(found.map(\.row))
      let order = all.indices.sorted { all[$0] != all[$1] ? all[$0] > all[$1] : $0 < $1 }
      #expect(order.prefix(count).allSatisfy(kept.contains))
      #expect(found.map(\.row) == found.map(\.row).sorted())
      fewest = min(fewest, found.count)
    }
    return fewest
  }

  @Test(arguments: InstructionSet.available, [17, 64, 576])
  func `the largest logits are the exact head's`(isa: InstructionSet, columns: Int) throws {
    var random = SplitMix(seed: 5)
    for _ in 0..<5 {
      let rows = (0..<2000).map { _ in random.floats(columns, scale: 0.1) }
      let fewest = try check(rows, random.floats(columns, scale: 3), counts: [1, 2, 40, 2000], isa: isa)
      #expect(fewest < 500, "screening spares most rows")
    }
  }

  /// Rows that differ from the best one by less than the int8 step, many of them equal: the argmax must not change.
  @Test(arguments: InstructionSet.available) func `near-ties are decided by the exact head`(isa: InstructionSet) throws
  {
    var random = SplitMix(seed: 6)
    for trial in 0..<20 {
      let best = random.floats(576, scale: 0.1)
      var rows = (0..<300).map { _ in
        best.map { $0 + Float.random(in: -1e-6...1e-6, using: &random) }
      }
      rows[trial] = best
      rows[trial + 100] = best
      _ = try check(rows, random.floats(576, scale: 3), counts: [1, 3], isa: isa)
    }
  }

  @Test func `zero rows, huge rows and inputs that are not finite do no harm`() throws {
    var random = SplitMix(seed: 7)
    var rows = (0..<50).map { _ in random.floats(64) }
    rows[3] = Array(repeating: 0, count: 64)
    rows[4] = Array(repeating: 1e30, count: 64)
    _ = try check(rows, random.floats(64), counts: [1, 5], isa: .scalar)
    _ = try check(rows, Array(repeating: 0, count: 64), counts: [1], isa: .scalar)
    var broken = random.floats(64)
    broken[9] = .nan
    let compute = try Compute(threads: 1)
    let found = ScreenedHead(head(rows), pool: compute.pool)
      .largest(1, input(broken), scores: FloatMatrix(rows: 1, columns: 50), on: compute)[0]
    #expect(found.count == 50)
  }
}
