import ModelFormats
import Testing

@Suite struct `A suggestion` {
  @Test func `understands a slip of the finger and no nonsense`() {
    let names = ["port", "host", "max-queue"]
    #expect(Suggestion.nearest(to: "prot", of: names) == "port")
    #expect(Suggestion.nearest(to: "max-qeue", of: names) == "max-queue")
    #expect(Suggestion.nearest(to: "frequency", of: names) == nil)
  }
}
