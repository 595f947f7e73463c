import BitNetServer
import ModelFormats
import TestSupport
import Testing

@Suite struct ServerPartsTests {
  @Test func `keys are read from a file, one to a line`() throws {
    let folder = try TemporaryFolder()
    let keys = try APIKeys(path: folder.write("keys", "# comment\n\n  one \r\ntwo\n"))
    for (header, isAdmitted) in [
      ("Bearer one", true), ("bearer two", true), ("Bearer three", false), ("Bearer on", false), ("Bearer onee", false),
      ("Bearer # comment", false), ("Bearer ", false), ("Basic one", false), ("one", false),
    ] {
      #expect(keys.admits(authorization: header) == isAdmitted, "\(header)")
    }
    #expect(!keys.admits(authorization: nil))
    #expect(APIKeys().admits(authorization: nil))
  }

  @Test func `a file without a key would lock everybody out or let everybody in, and is refused`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("keys", "# comment\n\n")
    #expect(throws: ConfigurationError.self) { try APIKeys(path: path) }
    #expect(throws: ConfigurationError.self) { try APIKeys(path: path + "-missing") }
  }

  @Test func `a histogram counts up to each bound`() {
    var histogram = Histogram([0.1, 1])
    histogram.observe(0.1)
    histogram.observe(0.5)
    histogram.observe(3, times: 2)
    #expect(
      histogram.samples() == [
        #"_bucket{le="0.1"} 1"#, #"_bucket{le="1.0"} 2"#, #"_bucket{le="+Inf"} 4"#, "_sum 6.6", "_count 4",
      ])
  }
}
