import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// Evidence that does not suffice.
@Suite struct DoubtfulEvidenceTests {
  @Test(arguments: ["", "a", "The capital of France"])
  func `a text of a few tokens condemns no model`(text: String) throws {
    let path = TestFiles.goldenPath("trained/tiny-bitnet")
    let verdict = try Diagnosis(of: Checkpoint(path: path), options: .init(probeText: text, threads: 2)).verdict
    #expect(verdict.code == .inconclusive)
    #expect(verdict.evidence.first?.contains("it takes 32 to judge a model") == true, "\(verdict.evidence)")
  }
}
