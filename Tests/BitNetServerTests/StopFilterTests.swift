import BitNetServer
import TestSupport
import Testing

@Suite struct StopFilterTests {
  @Test func `what may begin a stop text is held back until it is known`() {
    var filter = StopFilter([Array("\n\nUser:".utf8)])
    #expect(filter.append("Hello\n") == "Hello")
    #expect(filter.append("\nUs") == "")
    #expect(filter.append("ual") == "\n\nUsual")
    #expect(filter.append("\n\nUser") == "")
    #expect(!filter.isStopped)
    #expect(filter.append(": x") == "")
    #expect(filter.isStopped)
    #expect(filter.finish() == "")
  }

  @Test func `what was held back comes out at the end`() {
    var filter = StopFilter([Array("END".utf8)])
    #expect(filter.append("the EN") == "the ")
    #expect(filter.finish() == "EN")
  }

  @Test func `a stop text that begins inside another attempt is found`() {
    var filter = StopFilter([Array("aab".utf8)])
    #expect(filter.append("a") + filter.append("a") + filter.append("a") == "a")
    #expect(filter.append("b") == "")
    #expect(filter.isStopped)
  }

  @Test func `the pieces that a text arrives in make no difference`() {
    let expected = "über die Brücke—ganz 🙂 langsam—ging "
    let text = expected + "🙂🙃 er"
    let stops = ["🙂🙃", "langsam—gang", "zz"]
    var random = SplitMix(seed: 1)
    for _ in 0..<200 {
      var filter = StopFilter(stops.map { Array($0.utf8) })
      var rest = text[...]
      var output = ""
      while !rest.isEmpty {
        let piece = rest.prefix(1 + Int(random.next() % 4))
        rest = rest.dropFirst(piece.count)
        output += filter.append(String(piece))
      }
      output += filter.finish()
      #expect(output == expected)
      #expect(filter.isStopped)
    }
  }
}
