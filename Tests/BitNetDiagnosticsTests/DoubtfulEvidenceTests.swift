import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// Evidence that does not suffice, or that is hostile.
@Suite struct DoubtfulEvidenceTests {
  @Test(arguments: ["", "a", "The capital of France"])
  func `a text of a few tokens condemns no model`(text: String) throws {
    let path = TestFiles.goldenPath("trained/tiny-bitnet")
    let verdict = try Diagnosis(of: Checkpoint(path: path), options: .init(probeText: text, threads: 2)).verdict
    #expect(verdict.code == .inconclusive)
    #expect(verdict.evidence.first?.contains("it takes 32 to judge a model") == true, "\(verdict.evidence)")
  }

  @Test(arguments: [
    (0.0, 2, "0.00"), (-0.004, 2, "0.00"), (-1.5, 1, "-1.5"), (1234.5678, 3, "1234.568"), (.nan, 1, "nan"),
    (-.infinity, 1, "-inf"), (123_456_789_012.99, 4, "123456789012.9900"),
  ])
  func `numbers have so many decimals`(value: Double, decimals: Int, text: String) {
    #expect(fixed(value, decimals) == text)
  }

  /// Damaged weights are large; printing them once trapped when the fraction took more digits than there are decimals.
  @Test func `large numbers can be printed`() {
    var random = SplitMix(seed: 1)
    for _ in 0..<10_000 {
      let value =
        Double.random(in: -1...1, using: &random) * Double(sign: .plus, exponent: .random(in: 30...70), significand: 1)
      for decimals in 0...4 {
        let text = fixed(value, decimals)
        let printed = Double(text) ?? .nan
        #expect(abs(printed - value) <= abs(value) * 1e-6, "\(value) as \(text)")
      }
    }
  }
}
