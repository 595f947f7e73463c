import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing
import Tokenization

/// Model folders in which something wants to be run, or to run for ever.
@Suite struct HostileFolderTests {
  private func model(_ edit: (TemporaryFolder, String) throws -> Void) throws -> (TemporaryFolder, marker: String) {
    let folder = try PlantedModel("trained/tiny-bitnet").write()
    let marker = "\(folder.path)/was-run"
    try edit(folder, marker)
    return (folder, marker)
  }

  private func diagnose(_ folder: TemporaryFolder) throws -> Diagnosis {
    try Diagnosis(of: Checkpoint(path: folder.path), options: .init(threads: 2))
  }

  @Test func `a pickle that would run a command is named and not run`() throws {
    let (folder, marker) = try model { folder, marker in
      try folder.write("optimizer.pt", "cos\nsystem\n(S'touch \(marker)'\ntR.")
      try folder.write("last.ckpt", "c__builtin__\nexec\n(S'open(\"\(marker)\", \"w\")'\ntR.")
    }
    let diagnosis = try diagnose(folder)
    #expect(diagnosis.verdict.code == .bitNetTrained)
    let finding = try #require(diagnosis.findings.first { $0.code == .codeInPickle })
    #expect(finding.evidence.contains { $0.contains("optimizer.pt: os.system") })
    #expect(finding.evidence.contains { $0.contains("last.ckpt: __builtin__.exec") })
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  @Test func `a pickle of lists within lists a thousand million million times is bounded`() throws {
    var text = "(dp0\nS'global_step'\nI7\nsS'hyper_parameters'\n(dS'x'\n(lp1\n"
    for level in 2...60 { text += "(lp\(level)\n" + String(repeating: "g\(level - 1)\na", count: 10) }
    // What lies below the last list on the stack is taken off it again.
    text += "p99\n0" + String(repeating: "0", count: 58) + "g99\nsss."
    let (folder, _) = try model { folder, _ in try folder.write("bomb.ckpt", text) }
    let before = peakResidentBytes()
    let diagnosis = try diagnose(folder)
    #expect(diagnosis.verdict.code == .bitNetTrained)
    #expect(peakResidentBytes() - before < 1 << 29)
  }

  @Test func `code beside the weights is not run, whatever the configuration says of it`() throws {
    var planted = try PlantedModel("trained/tiny-bitnet")
    try planted.replace(
      "\"architectures\"",
      with:
        #""auto_map": {"AutoConfig": "modeling_evil.EvilConfig", "AutoModelForCausalLM": "modeling_evil.Evil"}, "architectures""#,
      in: "config.json")
    let folder = try planted.write()
    let marker = "\(folder.path)/was-run"
    for name in ["modeling_evil.py", "configuration_evil.py", "tokenization_evil.py"] {
      try folder.write(name, "open('\(marker)', 'w').close()\n")
    }
    let diagnosis = try diagnose(folder)
    #expect(diagnosis.verdict.code == .bitNetTrained)
    _ = try Inspection(path: folder.path)
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  @Test(arguments: [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    "{{ 'x' * 10000000000 }}", "{% set x = 'y' * 100000 %}{{ x * 100000 }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
  ])
  func `a chat template without end, or with a text of 10 GB, is bounded`(template: String) throws {
    let (folder, _) = try model { folder, _ in try folder.write("chat_template.jinja", template) }
    let before = peakResidentBytes()
    let diagnosis = try diagnose(folder)
    // That it cannot be rendered is itself what is wrong with the folder.
    #expect(diagnosis.verdict.code == .templateTokens)
    let loaded = try #require(try Checkpoint(path: folder.path).tokenizer()?.chatTemplate())
    let error = #expect(throws: ChatTemplateError.self) {
      try loaded.render([ChatMessage(role: .user, content: "Hello")])
    }
    #expect(error?.reason == .limit)
    #expect(peakResidentBytes() - before < 1 << 29)
  }

  @Test func `links are not followed out of the folder, nor round and round`() throws {
    let (folder, _) = try model { folder, _ in
      try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/again", withDestinationPath: folder.path)
      try FileManager.default.createSymbolicLink(
        atPath: "\(folder.path)/logs", withDestinationPath: TestFiles.goldenPath("runs/diverging"))
      try folder.write("trainer_state.json", #"{"global_step": 1800, "max_steps": 1800}"#)
    }
    let training = try #require(try diagnose(folder).training)
    #expect(training.sources.map(\.path) == ["\(folder.path)/trainer_state.json"])
  }
}
