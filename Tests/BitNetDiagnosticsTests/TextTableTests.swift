import BitNetDiagnostics
import Testing

@Suite struct TextTableTests {
  @Test func `columns line up under wide characters and combining marks`() {
    var table = TextTable(["token", "p"], [.left, .right])
    table.add(["東京", "0.5"])
    table.add(["e\u{301}", "0.25"])
    #expect(table.lines == ["  token     p", "  東京    0.5", "  e\u{301}      0.25"])
  }

  @Test(arguments: [
    ("a b c", ["- a b", "  c"]), ("abcdefgh", ["- abc", "  def", "  gh"]), ("", ["- "]),
    ("a abcdefg b", ["- a", "  abc", "  def", "  g b"]), ("東京都", ["- 東", "  京", "  都"]),
  ])
  func `text is wrapped to the width, and words longer than a line are cut`(text: String, lines: [String]) {
    #expect(wrapped(text, first: "- ", rest: "  ", width: 5) == lines)
  }
}
