import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

struct MappedFileTests {
  @Test func `a slice of a mapping outlives the file's object and even the file`() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("data", Array(0...255))
    var slice = try MappedFile(path: path).bytes[16..<32]
    try FileManager.default.removeItem(atPath: path)
    slice = slice[1..<3]
    #expect(slice.array(0..<2) == [17, 18])
  }

  @Test func `what cannot be mapped is refused for its reason`() throws {
    let folder = try TemporaryFolder()
    let empty = try folder.write("empty", [])
    for (path, code, phrase) in [
      (folder.path + "/absent", FormatError.Code.missing, "does not exist"), (folder.path, .unreadable, "is a folder"),
      (empty, .truncated, "is empty"), (empty + "/below", .missing, "does not exist"),
      ("/dev/null", .unreadable, "not a regular file"),
    ] {
      let error = try #require(throws: FormatError.self) { try MappedFile(path: path) }
      #expect(error.code == code)
      #expect(error.description.hasPrefix("\(path): "))
      #expect(error.description.contains(phrase))
    }
  }

  @Test func `a reader throws where others would read past the end`() throws {
    var reader = ByteReader(.init(copying: [1, 2, 3]), file: "f")
    #expect(try reader.integer(UInt16.self, "a number") == 0x0201)
    #expect(throws: FormatError.self) { try reader.integer(UInt16.self, "a number") }
    #expect(throws: FormatError.self) { try reader.take(.max, "much") }
    #expect(try reader.take(1, "the rest") == 2..<3)
    #expect(reader.remaining == 0)
  }
}
