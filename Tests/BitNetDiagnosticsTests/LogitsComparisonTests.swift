import BitNet
import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

/// The measures of a difference against numpy's: `Tests/Golden/make_comparison_golden.py`.
@Suite struct LogitsComparisonTests {
  private struct Golden: Decodable {
    struct Pair: Decodable {
      let a: [Float]
      let b: [Float]
      let cosine: Double
      let divergence: Double
      let maximum: Double
      let relative: Double
      let topA: Int
      let topB: Int
    }
    let pairs: [Pair]
  }

  private static let model = TestFiles.goldenPath("trained/tiny-bitnet")
  private static let prompt = "The old house stood at the end of the road."

  @Test func `cosine, KL and differences are numpy's`() throws {
    let data = try Data(contentsOf: URL(filePath: TestFiles.goldenPath("comparison/golden.json")))
    let pairs = try JSONDecoder().decode(Golden.self, from: data).pairs
    #expect(pairs.count == 6)
    for pair in pairs {
      let found = PositionComparison(sequence: 0, position: 0, token: 0, text: nil, a: pair.a, b: pair.b)
      #expect(abs(try #require(found.cosine) - pair.cosine) < 1e-12)
      #expect(abs(found.divergence - pair.divergence) <= 1e-9 * max(1, pair.divergence))
      #expect(abs(found.maximum - pair.maximum) <= 1e-12 * pair.maximum)
      #expect(abs(try #require(found.relative) - pair.relative) <= 1e-12)
      #expect([found.topA, found.topB] == [pair.topA, pair.topB])
    }
  }

  /// Dumps logits, changes them, and compares.
  private func compare(
    lastOnly: Bool = false, mode: QuantizationMode = .bitLinear, _ change: (inout [[Float]]) -> Void = { _ in }
  ) throws -> Comparison {
    let folder = try TemporaryFolder()
    let path = folder.path + "/logits.npy", changed = folder.path + "/changed.npy"
    let model = try Model(contentsOf: URL(filePath: Self.model), options: .init(mode: mode, threads: 2))
    let dump = try LogitsDump(of: model, prompt: Self.prompt, lastOnly: lastOnly, to: path)
    let tensor = try NPYFile(path: path).tensor
    #expect(tensor.shape == dump.shape)
    var rows = try (0..<tensor.rows).map { try tensor.floats(rows: $0..<$0 + 1) }
    change(&rows)
    let writer = try NPYWriter(path: changed, rows: rows.count, columns: rows[0].count)
    for row in rows { try writer.append(row: row) }
    try writer.finish()
    return try Comparison(
      of: Checkpoint(path: Self.model), withLogits: changed, options: .init(prompts: [Self.prompt], threads: 2))
  }

  @Test(arguments: [false, true]) func `a model's own logits are the same`(lastOnly: Bool) throws {
    let comparison = try compare(lastOnly: lastOnly)
    #expect(comparison.conclusion == "the same logits")
    #expect(comparison.isSame)
    #expect(comparison.logits?.maximum == 0)
    #expect(comparison.logits?.positions.count == (lastOnly ? 1 : 19))
  }

  @Test func `log-probabilities instead of logits are the same`() throws {
    let comparison = try compare { rows in
      for row in rows.indices {
        let total = log(rows[row].reduce(0) { $0 + exp(Double($1)) })
        rows[row] = rows[row].map { $0 - Float(total) }
      }
    }
    #expect(comparison.isSame)
  }

  @Test func `a factor is named`() throws {
    let comparison = try compare { rows in rows = rows.map { $0.map { $0 * 3 } } }
    #expect(comparison.conclusion.hasPrefix("logits are multiplied by 3.00: "), "\(comparison.conclusion)")
    #expect(!comparison.isSame)
  }

  @Test func `a shift by one position is named`() throws {
    let comparison = try compare { rows in rows = [rows[0]] + rows.dropLast() }
    #expect(comparison.conclusion.hasPrefix("logits are shifted by one position"), "\(comparison.conclusion)")
  }

  @Test func `another arithmetic is named`() throws {
    let comparison = try compare(mode: .none)
    #expect(
      comparison.conclusion.hasPrefix("B has the logits of mode none, not bitLinear: "), "\(comparison.conclusion)")
  }

  @Test func `the worst position is named`() throws {
    let comparison = try compare { rows in rows[4] = rows[4].map { -$0 } }
    #expect(comparison.conclusion.contains("worst at position 4"), "\(comparison.conclusion)")
    #expect(comparison.logits?.worst?.position == 4)
    let agreement = try #require(comparison.logits?.topAgreement)
    #expect(abs(agreement - 18.0 / 19) < 1e-9)
  }

  @Test func `what is not a number differs`() throws {
    let comparison = try compare { rows in rows[2][7] = .nan }
    #expect(!comparison.isSame)
    #expect(comparison.logits?.worst?.position == 2)
  }

  @Test func `positions and vocabulary must agree`() throws {
    let error = #expect(throws: ComparisonError.self) { try compare { $0.removeLast() } }
    #expect("\(try #require(error))".contains("has the shape [18, 512], expected [19, vocabulary]"))
    #expect(throws: ComparisonError.self) { try compare { rows in rows = rows.map { Array($0.prefix(100)) } } }
  }

  @Test func `padding of the vocabulary is left out`() throws {
    let comparison = try compare { rows in rows = rows.map { $0 + Array(repeating: 5, count: 8) } }
    #expect(comparison.isSame)
    #expect(comparison.notes.contains { $0.contains("520 against 512 columns") })
  }
}
