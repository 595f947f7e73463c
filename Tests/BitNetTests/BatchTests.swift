import BitNet
import Foundation
import Kernels
import TestSupport
import Testing

/// Sequences that are computed together, share pages or leave them.
@Suite struct BatchTests {
  private func model(_ name: String, precision: CachePrecision = .f16) throws -> Model {
    try Model(
      contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 2, cachePrecision: precision))
  }

  private func prompts(_ count: Int, _ model: Model) -> [[Int]] {
    var random = SplitMix(seed: 11)
    return (0..<count).map { index in
      (0..<5 + 13 * index).map { _ in Int.random(in: 0..<model.configuration.vocabularySize, using: &random) }
    }
  }

  /// The bits of the logits over greedy decoding of one sequence.
  private func alone(_ model: Model, _ prompt: [Int], steps: Int) throws -> [[UInt32]] {
    let session = model.makeSession()
    var sequence = prompt
    return try (0..<steps).map { _ in
      let logits = try session.logits(after: sequence)
      sequence.append(likeliest(logits))
      return logits.map(\.bitPattern)
    }
  }

  private func likeliest(_ logits: [Float]) -> Int { logits.indices.max { logits[$0] < logits[$1] } ?? 0 }

  @Test(arguments: GoldenModel.names, CachePrecision.allCases)
  func `eight sequences together have the logits that each has alone`(name: String, precision: CachePrecision) throws {
    let model = try model(name, precision: precision)
    var sequences = prompts(8, model)
    let expected = try sequences.map { try alone(model, $0, steps: 12) }
    let batch = Batch(model: model, capacity: 512)
    let caches = sequences.map { _ in KeyValueCache(model: model) }
    var starts = Array(repeating: 0, count: 8)
    for step in 0..<12 {
      let rows = batch.compute(
        sequences.indices.map {
          Batch.Entry(cache: caches[$0], tokens: Array(sequences[$0][starts[$0]...]), start: starts[$0])
        })
      let logits = batch.logits(rows: rows.map { $0.upperBound - 1 })
      for index in sequences.indices {
        #expect(logits[index].map(\.bitPattern) == expected[index][step], "sequence \(index), step \(step)")
        let candidates = batch.likeliest(1, rows: [rows[index].upperBound - 1])[0]
        starts[index] = sequences[index].count
        sequences[index].append(likeliest(logits[index]))
        #expect(candidates.contains { $0.token == sequences[index].last })
      }
    }
  }

  @Test func `a shared beginning is taken over, and nobody's changes are seen by another`() throws {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/tiny-bitnet")), options: .init(cachePrecision: .f16))
    let size = CachePage.positions
    var random = SplitMix(seed: 4)
    let common = (0..<2 * size + 10).map { _ in Int.random(in: 0..<model.configuration.vocabularySize, using: &random) }
    let batch = Batch(model: model, capacity: 512)
    let prefixes = PrefixCache()
    #expect(prefixes.pages(for: common).isEmpty)
    let first = KeyValueCache(model: model)
    _ = batch.compute([Batch.Entry(cache: first, tokens: common, start: 0)])
    prefixes.insert(common, pages: first.pages)
    #expect(prefixes.pages.count == 2)
    // A sequence of whole pages leaves its last page to be computed: its last token's logits are wanted.
    #expect(prefixes.pages(for: Array(common[..<(2 * size)])).count == 1)

    let before = first.pages.map(\.bytes)
    for other in [common + [1, 2, 3], Array(common[..<(size + 5)]) + [7, 7]] {
      let cache = KeyValueCache(model: model)
      let pages = prefixes.pages(for: other)
      #expect(pages.count == other.count / size)
      cache.adopt(pages)
      let start = pages.count * size
      let rows = batch.compute([Batch.Entry(cache: cache, tokens: Array(other[start...]), start: start)])
      let logits = batch.logits(rows: [rows[0].upperBound - 1])[0]
      #expect(try model.makeSession().logits(after: other).map(\.bitPattern) == logits.map(\.bitPattern))
    }
    // Going on inside a page that others refer to copies it.
    let other = KeyValueCache(model: model)
    other.adopt(first.pages)
    _ = batch.compute([Batch.Entry(cache: other, tokens: [9, 9, 9], start: size + 3)])
    #expect(first.pages.map(\.bytes) == before)
    #expect(other.pages[1] !== first.pages[1])
  }

  @Test func `the oldest pages are forgotten first, those behind others before them`() {
    let shape = CacheShape(layers: 1, heads: 1, headSize: 4, precision: .f32)
    let size = CachePage.positions
    func tokens(_ values: Int...) -> [Int] { values.flatMap { Array(repeating: $0, count: size) } }
    func pages(_ count: Int) -> [CachePage] { (0..<count).map { _ in CachePage(shape: shape) } }
    let prefixes = PrefixCache()
    prefixes.insert(tokens(1, 2), pages: pages(2))
    prefixes.insert(tokens(3), pages: pages(1))
    _ = prefixes.pages(for: tokens(1, 2) + [0])
    #expect(prefixes.freeOldest())
    #expect(prefixes.pages(for: tokens(3) + [0]).isEmpty)
    #expect(prefixes.freeOldest())
    #expect(prefixes.pages(for: tokens(1, 2) + [0]).count == 1)
    #expect(prefixes.freeOldest())
    #expect(!prefixes.freeOldest())
    #expect(prefixes.pages.isEmpty)
  }

  @Test func `pages that a sequence holds are not forgotten, since that frees nothing`() {
    let shape = CacheShape(layers: 1, heads: 1, headSize: 4, precision: .f32)
    let size = CachePage.positions
    func tokens(_ values: Int...) -> [Int] { values.flatMap { Array(repeating: $0, count: size) } }
    let prefixes = PrefixCache()
    var held = (0..<2).map { _ in CachePage(shape: shape) }
    prefixes.insert(tokens(1, 2), pages: held)
    prefixes.insert(tokens(3), pages: [CachePage(shape: shape)])
    // Behind the page 3, which is nobody's, one that somebody holds.
    let other = CachePage(shape: shape)
    prefixes.insert(tokens(3, 4), pages: [CachePage(shape: shape), other])
    #expect(prefixes.freeOldest(), "the page 3 can be freed, and takes with it what is behind")
    #expect(!prefixes.freeOldest())
    #expect(prefixes.pages(for: tokens(1, 2) + [0]).count == 2)
    held.removeLast()
    #expect(prefixes.freeOldest())
    #expect(!prefixes.freeOldest())
    #expect(prefixes.pages(for: tokens(1, 2) + [0]).count == 1)
    withExtendedLifetime((held, other)) {}
  }
}
