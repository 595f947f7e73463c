import BitNetDiagnostics
import Foundation
import TestSupport
import Testing

/// `docs/diagnosis.md` is where a user looks a code up.
@Suite struct CodesTests {
  /// The headings below "Codes", as code and title.
  private func documented() throws -> [String: String] {
    let file = TestFiles.golden.appending(path: "../../docs/diagnosis.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    let headings = text.split(separator: "\n").filter { $0.hasPrefix("### BN") }.map { $0.dropFirst(4) }
    let entries = headings.map { (String($0.prefix { $0 != " " }), String($0.drop { $0 != " " }.dropFirst())) }
    try #require(Set(entries.map(\.0)).count == entries.count, "a code is explained twice")
    return Dictionary(uniqueKeysWithValues: entries)
  }

  @Test func `the documentation explains every code under its exact title, and no other`() throws {
    let titles = Dictionary(uniqueKeysWithValues: Finding.Code.allCases.map { ($0.rawValue, $0.title) })
    #expect(try documented() == titles)
  }

  @Test func `every code is BN and three digits`() {
    for code in Finding.Code.allCases {
      #expect(code.rawValue.wholeMatch(of: /BN[0-9]{3}/) != nil, "\(code.rawValue)")
    }
  }
}
