import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// The model in Models/, what it was before it learned, and after a hundred steps: `scripts/make-model`.
@Suite struct ShippedModelTests {
  private func diagnose(_ path: String) throws -> Diagnosis {
    try Diagnosis(of: Checkpoint(path: path), options: .init(prompts: ["In the beginning"], threads: 2))
  }

  @Test func `the model is a trained BitNet, with nothing to complain of`() throws {
    let diagnosis = try diagnose(TestFiles.repositoryPath("Models/model.gguf"))
    #expect(diagnosis.verdict.code == .bitNetTrained, "\(diagnosis.findings)")
    #expect(diagnosis.findings.allSatisfy { $0.severity < .warning }, "\(diagnosis.findings)")
  }

  @Test(arguments: [0, 100])
  func `what was hardly trained is known by its step`(step: Int) throws {
    let verdict = try diagnose(TestFiles.repositoryPath("Models/model-step\(step).gguf")).verdict
    #expect(verdict.code == .undertrained)
    #expect(verdict.evidence.contains { $0.contains("global_step \(step)") }, "\(verdict.evidence)")
  }

  /// As a runtime keeps them that makes floats of trits.
  @Test func `its weights alone, as floats, are still those of a trained BitNet`() throws {
    let folder = try TemporaryFolder()
    var options = ConversionOptions()
    options.weightType = .f32
    let path = folder.path + "/floats.gguf"
    _ = try Conversion.run(
      Checkpoint(path: TestFiles.repositoryPath("Models/model.gguf")), to: path, options: options)
    let diagnosis = try withExtendedLifetime(folder) { try diagnose(path) }
    #expect(diagnosis.verdict.code == .bitNetTrained, "\(diagnosis.findings)")
    #expect(diagnosis.findings.contains { $0.code == .alreadyQuantized })
  }
}
