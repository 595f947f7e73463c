import Foundation
import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Files that Tests/Golden/make_tokenizer_golden.py made with Hugging Face `tokenizers` and with `sentencepiece`.
enum Golden {
  static func bytes(_ name: String) throws -> [UInt8] { try TestFiles.goldenBytes("tokenizers/\(name)") }

  static func cases(_ name: String) throws -> [[JSONNode]] {
    try JSONParser.parse(path: TestFiles.goldenPath("tokenizers/\(name).cases.json")).array().map { try $0.array() }
  }

  static func integers(_ node: JSONNode) throws -> [Int] { try node.array().map { try $0.integer() } }
}

struct GoldenTokenizerTests {
  static let names = [
    "gpt2", "smollm", "llama3", "qwen", "flags", "splits", "inverted", "llama2", "metaspace-first", "metaspace-never",
  ]

  @Test(arguments: names)
  func `a tokenizer.json gives the ids and texts that Hugging Face tokenizers gives`(name: String) throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Golden.bytes("\(name).json"), file: "\(name).json")
    let cases = try Golden.cases(name)
    #expect(cases.count > 50)
    for row in cases {
      let text = try row[0].string()
      let ids = try Golden.integers(row[1])
      #expect(
        tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: true) == ids, "\(text.debugDescription)")
      // The one deliberate difference: a text that begins with BOS does not get a second one.
      let full = try Golden.integers(row[2])
      let expected = full.count > 1 && full[0] == full[1] && text.hasPrefix("<s>") ? Array(full.dropFirst()) : full
      #expect(tokenizer.encode(text, parseSpecialTokens: true) == expected, "\(text.debugDescription)")
      let decoded = tokenizer.decode(ids, includingSpecialTokens: true)
      #expect(try Array(decoded.utf8) == Array(row[3].string().utf8), "\(text.debugDescription)")
      #expect(try Array(tokenizer.decode(ids).utf8) == Array(row[4].string().utf8), "\(text.debugDescription)")
    }
  }

  @Test func `a SentencePiece model gives the ids that sentencepiece gives`() throws {
    let tokenizer = try Tokenizer(modelFile: Golden.bytes("small.model"), file: "small.model")
    let cases = try Golden.cases("small.model")
    #expect(cases.count > 50)
    for row in cases {
      let text = try row[0].string()
      #expect(
        try tokenizer.encode(text, addSpecialTokens: false) == Golden.integers(row[1]), "\(text.debugDescription)")
    }
    #expect(tokenizer.encode("a").first == 1)
    #expect(tokenizer.endOfGeneration == [2])
  }

  @Test func `canonically equivalent texts keep ids of their own`() throws {
    let tokenizer = try Tokenizer(tokenizerJSON: Golden.bytes("gpt2.json"), file: "gpt2.json")
    let composed = tokenizer.encode("\u{C5}")
    let decomposed = tokenizer.encode("A\u{30A}")
    #expect(composed != decomposed)
    #expect(Array(tokenizer.decode(decomposed).utf8) == Array("A\u{30A}".utf8))
  }

  @Test(.enabled(if: Cache.hasVocabularies, "run scripts/fetch-vocabularies first"))
  func `Llama 3's tiktoken list gives the ids that its GGUF vocabulary gives`() throws {
    let reference = try Cache.tokenizer("llama-bpe")
    var list = ""
    for id in 0..<128_000 { list += "\(Data(reference.bytes(of: id)).base64EncodedString()) \(id)\n" }
    let tokenizer = try Tokenizer(modelFile: Array(list.utf8), file: "tokenizer.model")
    #expect(tokenizer.vocabularySize == 128_256)
    for (text, ids) in try Cache.cases("llama-bpe") {
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
    }
    #expect(tokenizer.encode("Hi<|eot_id|>", parseSpecialTokens: true) == [128000, 13347, 128009])
    #expect(tokenizer.endOfGeneration == [128001, 128009])
  }
}
