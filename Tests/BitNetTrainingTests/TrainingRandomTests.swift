import BitNetTraining
import Testing

@Suite struct `Training randomness` {
  @Test func `is what the script computes in Python`() throws {
    let golden = try TrainingGolden.load().random, random = TrainingRandom(seed: 42)
    #expect(String(random.value(1, 2, 3)) == golden.value)
    #expect(random.unit(4) == golden.unit)
    #expect(String(random.child(.masking, 5, 6).value(7)) == golden.child)
    for (index, expected) in golden.normals.enumerated() {
      #expect(abs(random.child(.weights, 3).normal(index) - expected) < 1e-14)
    }
  }

  @Test func `gives different numbers to neighbours`() {
    let random = TrainingRandom(seed: 0)
    var seen: Set<UInt64> = []
    for i in 0..<100 { for j in 0..<100 { seen.insert(random.value(i, j)) } }
    #expect(seen.count == 10_000)
    #expect(random.child(.weights, 0).value(0) != random.child(.masking, 0).value(0))
  }
}
