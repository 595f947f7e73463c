import ModelFormats
import TestSupport
import Testing
import Tokenization

struct TextDocumentsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func documents(_ text: String, _ form: TextDocuments.Form?, name: String = "text.txt") throws -> [String] {
    var result: [String] = []
    try TextDocuments(path: folder.write(name, text), form: form).forEach { result.append($0) }
    return result
  }

  @Test(
    arguments: [
      (nil, ["one\ntwo", "three", "four"]),
      (.separatorLine("---"), ["one\ntwo\n<|endoftext|>\nthree\n\n<|endoftext|>\r\n<|endoftext|>\nfour"]),
      (.blankLines, ["one\ntwo\n<|endoftext|>\nthree", "<|endoftext|>\r\n<|endoftext|>\nfour"]),
      (.size(5), ["one\ntwo", "<|endoftext|>", "three", "<|endoftext|>", "<|endoftext|>", "four"]),
      (.whole, ["one\ntwo\n<|endoftext|>\nthree\n\n<|endoftext|>\r\n<|endoftext|>\nfour"]),
    ] as [(TextDocuments.Form?, [String])])
  func `a text file is cut as its form says`(form: TextDocuments.Form?, expected: [String]) throws {
    let text = "\u{FEFF}one\ntwo\n<|endoftext|>\nthree\n\n<|endoftext|>\r\n<|endoftext|>\nfour\n"
    #expect(try documents(text, form) == expected)
  }

  @Test func `each line of a JSON lines file is a document`() throws {
    let text = #"{"text":"one\ntwo"}"# + "\n\n" + #"{"id":3,"text":"three"}"# + "\n" + #"{"text":""}"#
    #expect(try documents(text, nil, name: "a.jsonl") == ["one\ntwo", "three"])
    let error = try #require(throws: FormatError.self) { try documents(text, .jsonLines(key: "content")) }
    #expect(error.description.contains("line 1") && error.description.contains("text"))
    let broken = try #require(throws: FormatError.self) {
      try documents("{\"text\":\"a\"}\n{\"text\":", nil, name: "b.jsonl")
    }
    #expect(broken.description.contains("line 2"))
  }

  @Test func `lines that windows cut in two are put together`() throws {
    let line = String(repeating: "abcdefg ", count: 50_000)
    let text = (0..<8).map { "\($0)\(line)" }.joined(separator: "\n<|endoftext|>\n")
    let found = try documents(text, nil)
    #expect(found.count == 8)
    #expect(found.enumerated().allSatisfy { $0.element == "\($0.offset)\(line)" })
  }

  @Test func `empty files and what is no UTF-8 are refused`() throws {
    #expect(throws: FormatError.self) { try documents("", nil) }
    let path = try folder.write("latin1.txt", Array("caf".utf8) + [0xE9, 0x0A])
    let error = try #require(throws: FormatError.self) { try TextDocuments(path: path).forEach { _ in } }
    #expect(error.description.contains("UTF-8") && error.description.contains("caf"))
    #expect(throws: FormatError.self) { try TextDocuments(path: folder.path + "/nowhere.txt") }
  }
}
