import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

extension Fault {
  /// Plants the fault, expects the outcome, and returns which command caught it and what that says.
  func caught() throws -> (command: String, says: String) {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder(base)
    try prepare(&folder)
    let good = target.path + "/good", source = target.path + "/source", output = target.path + "/result"
    if case .compared = outcome { try folder.write(to: good) }
    try plant(&folder)
    try folder.write(to: source)
    func shortened(_ text: String) -> String {
      let text = text.replacingOccurrences(of: target.path + "/", with: "").replacingOccurrences(of: "\n", with: " ")
      let sentence = text.prefix(upTo: text.firstRange(of: ". ")?.lowerBound ?? text.endIndex)
      return sentence.replacingOccurrences(of: "|", with: "\\|")
    }
    switch outcome {
    case .refused(let words):
      let error = try #require(throws: (any Error).self) { try ConversionTests.convert(source, to: output, options) }
      for word in words { #expect("\(error)".contains(word), "\(error)") }
      #expect(!FileManager.default.fileExists(atPath: output))
      #expect(try FileManager.default.contentsOfDirectory(atPath: target.path) == ["source"])
      return ("convert", "refuses: \(shortened("\(error)"))")
    case .warned(let word):
      let report = try ConversionTests.convert(source, to: output, options)
      let warning = try #require(report.warnings.first { $0.contains(word) }, "\(report.warnings)")
      return ("convert", "warns: \(shortened(warning))")
    case .harmless:
      let report = try ConversionTests.convert(source, to: output, options)
      #expect(!report.warnings.contains { $0.contains("garbage") })
      let expected = try ConversionTests.logits(TestFiles.goldenPath(base))
      #expect(try ConversionTests.cosine(ConversionTests.logits(output), expected) > 0.9999)
      return ("convert", "converts it right")
    case .compared(let words):
      let comparison = try Comparison(
        of: Checkpoint(path: good), with: Checkpoint(path: source), options: .init(tokens: [5, 60, 91, 7], threads: 2))
      for word in words { #expect(comparison.conclusion.contains(word), "\(comparison.conclusion)") }
      return ("compare", shortened(comparison.conclusion))
    case .diagnosed(let code):
      let verdict = try Diagnosis(of: Checkpoint(path: source), options: .init(prompts: ["The old house"], threads: 2))
        .verdict
      #expect(verdict.code == code, "\(verdict)")
      return ("diagnose", "\(verdict.code.rawValue), \(verdict.code.title)")
    }
  }
}
