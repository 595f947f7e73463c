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

  @Test(arguments: ["trainer_state.json", "dlm_config.json"])
  func `a damaged side file is a note and not the end`(name: String) throws {
    let folder = try TemporaryFolder()
    let source = TestFiles.goldenPath("trained/tiny-bitnet")
    for file in try FileManager.default.contentsOfDirectory(atPath: source) where file != name {
      try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(folder.path)/\(file)")
    }
    try folder.write(name, #"{"global_step": "many", "bd_size": "many", "block_size": "many"}"#)
    let inspection = try Inspection(path: folder.path)
    #expect(inspection.problem == nil && inspection.notes.contains { $0.contains(name) }, "\(inspection.notes)")
    let diagnosis = try Diagnosis(of: Checkpoint(path: folder.path), options: .init(threads: 2))
    #expect(diagnosis.verdict.code == .bitNetTrained)
    #expect(name == "dlm_config.json" || diagnosis.facts?.notes.contains { $0.contains(name) } == true)
  }
}
