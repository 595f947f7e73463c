#if Training
import BitNetTraining
import Foundation
import TestSupport
import Testing

@Suite struct `The reference of the configuration` {
  private static let root = TestFiles.golden.deletingLastPathComponent().deletingLastPathComponent()

  /// The reference as docs/training.md has it, between its two marks: a table for each section of the file.
  private static func expected() -> String {
    var text = ""
    var section: String?
    for key in TrainingConfiguration.reference {
      let parts = key.path.split(separator: ".")
      let title = parts.count == 1 ? "Length and step" : "`\(parts[0])`"
      if title != section {
        text += "\n### \(title)\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
        section = title
      }
      let name = parts.count == 1 ? key.path : parts.dropFirst().joined(separator: ".")
      let cells = ["`\(name)`", key.allowed, key.fallback, key.help].map {
        $0.replacing("|", with: "\\|")
      }
      text += "| \(cells.joined(separator: " | ")) |\n"
    }
    return text
  }

  @Test func `in docs/training.md is that of the code`() throws {
    let page = try String(contentsOf: Self.root.appendingPathComponent("docs/training.md"), encoding: .utf8)
    let begin = try #require(page.range(of: "<!-- reference: every key, checked by a test -->\n"))
    let end = try #require(page.range(of: "<!-- end of the reference -->"))
    let written = page[begin.upperBound..<end.lowerBound].split(separator: "\n")
    let expected = Self.expected().split(separator: "\n")
    let missing = expected.filter { !written.contains($0) }
    let surplus = written.filter { !expected.contains($0) }
    #expect(missing.isEmpty && surplus.isEmpty, "write\n\(missing.joined(separator: "\n"))\nfor\n\(surplus)")
    #expect(written == expected, "the order of the keys")
  }

  @Test func `gives every key a meaning`() {
    let keys = TrainingConfiguration.reference
    #expect(keys.count > 80)
    #expect(Set(keys.map(\.path)).count == keys.count)
    #expect(keys.allSatisfy { !$0.help.isEmpty && !$0.allowed.isEmpty })
  }

  @Test(arguments: ["unified", "bitnet-two-stage", "distill-smollm2"])
  func `is obeyed by the examples`(name: String) throws {
    let path = Self.root.appendingPathComponent("configs/\(name).yaml").path
    let configuration = try TrainingConfiguration.load(path: path)
    #expect(configuration.run.name == name)
    #expect(configuration.run.outputDirectory == Self.root.appendingPathComponent("runs/\(name)").path)
    // What is printed is the same configuration.
    let again = try TrainingConfiguration(yaml: configuration.printed())
    #expect(again.printed(marksDefaults: false) == configuration.printed(marksDefaults: false))
  }

  @Test func `unified.yaml has the budget of the run that it is named after`() throws {
    let path = Self.root.appendingPathComponent("configs/unified.yaml").path
    let configuration = try TrainingConfiguration.load(path: path)
    #expect(configuration.tokensPerStep == 1_048_576)
    #expect(configuration.steps == 9536)
    #expect(configuration.summary().contains("= 1,048,576 tokens"))
    #expect(configuration.summary().contains("9,536 steps = 9,999,220,736 tokens of a budget of 10,000,000,000"))
    #expect(configuration.optimizer.kind == .muon && configuration.optimizer.muonRate == 0.02)
    #expect(configuration.optimizer.adamRate == 3e-4 && configuration.optimizer.weightDecay == 0.01)
    #expect(configuration.scheduler.kind == .wsd && configuration.scheduler.warmupSteps == 550)
    #expect(configuration.data.shares(mixture: nil) == [0.5, 0.2, 0.3])
    #expect(configuration.data.shares(mixture: "fineweb") == [1, 0, 0])
    #expect(configuration.curriculum.phases.map(\.name) == ["warmup", "dlm_ramp", "main", "dlm_focus"])
  }
}
#endif
