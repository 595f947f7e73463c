import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// Every fault that is planted into a good model is named by its code first, and a good model gives no alarm.
@Suite struct CorpusTests {
  /// What was expected and what was said.
  private func row(_ fault: PlantedFault) -> (isRight: Bool, text: String) {
    do {
      let diagnosis = try PlantedFault.diagnose([fault])
      let verdict = diagnosis.verdict
      let isLocated = fault.tensor.map { part in verdict.tensors.contains { $0.contains(part) } } ?? true
      let isRight = verdict.code == fault.code && isLocated
      let others = diagnosis.findings.dropFirst().map(\.code.rawValue).joined(separator: " ")
      let text =
        "\(isRight ? "ok   " : "WRONG") \(fault.code.rawValue) \(verdict.code.rawValue)  \(fault.name)"
        + (others.isEmpty ? "" : "  (also \(others))") + (isLocated ? "" : "  at \(verdict.tensors.prefix(3))")
      return (isRight, isRight ? text : "\(text)\n        \(verdict.evidence)")
    } catch {
      return (false, "WRONG \(fault.code.rawValue) -      \(fault.name): \(error)")
    }
  }

  @Test func `every planted fault is the verdict`() {
    let rows = PlantedFault.all.map(row)
    print("expected, said first\n" + rows.map(\.text).joined(separator: "\n"))
    print("\(rows.count(where: \.isRight)) of \(rows.count) faults named first")
    for row in rows { #expect(row.isRight, "\(row.text)") }
    #expect(rows.count >= 40)
  }

  @Test func `no good model gives an alarm`() throws {
    var alarms = 0
    for model in GoodModel.all {
      let diagnosis = try model.diagnose()
      let isQuiet = diagnosis.severity == .info
      if !isQuiet { alarms += 1 }
      let codes = diagnosis.findings.map(\.code.rawValue).joined(separator: " ")
      print("\(isQuiet ? "ok   " : "ALARM") \(codes)  \(model.name)")
      #expect(isQuiet, "\(model.name): \(diagnosis.findings.filter { $0.severity > .info })")
    }
    print("\(alarms) alarms on \(GoodModel.all.count) good models")
    #expect(GoodModel.all.count >= 10)
  }
}
