import Foundation
import ModelFormats
import Synchronization
import TestSupport
import Testing
import Tokenization

/// Files that `scripts/fetch-vocabularies` puts into the cache.
enum Cache {
  static let vocabularies = TestFiles.cache.appendingPathComponent("vocabularies").path
  static let hasVocabularies = FileManager.default.fileExists(atPath: vocabularies)

  /// Every vocabulary is read once for all tests: without optimization that takes seconds.
  private static let loaded = Mutex<[String: Tokenizer]>([:])

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try loaded.withLock { loaded in
      if let tokenizer = loaded[name] { return tokenizer }
      let tokenizer = try Tokenizer(gguf: GGUFFile(path: "\(vocabularies)/ggml-vocab-\(name).gguf"))
      loaded[name] = tokenizer
      return tokenizer
    }
  }

  /// llama.cpp's test pairs: inputs with a separator line between them, outputs one line of ids each.
  static func cases(_ name: String) throws -> [(text: String, ids: [Int])] {
    let path = "\(vocabularies)/ggml-vocab-\(name).gguf"
    let inputs = try String(contentsOfFile: path + ".inp", encoding: .utf8)
    let outputs = try String(contentsOfFile: path + ".out", encoding: .utf8)
    let separator = "\n__ggml_vocab_test__\n"
    // Components by Foundation's literal search: Swift would see "\r\n" before the separator as one character.
    let texts = (inputs as NSString).components(separatedBy: separator)
    let lines = outputs.split(separator: "\n", omittingEmptySubsequences: false)
    // A separator and a line feed also end their files.
    #expect(texts.count == lines.count)
    return zip(texts, lines).map { text, line in (text, line.split(separator: " ").compactMap { Int($0) }) }
  }
}

@Suite(.enabled(if: Cache.hasVocabularies, "run scripts/fetch-vocabularies first"))
struct ReferenceVocabularyTests {
  static let names = ["llama-bpe", "gpt-2", "qwen2", "llama-spm", "falcon", "starcoder"]

  @Test(arguments: names)
  func `every llama.cpp test text encodes to llama.cpp's ids`(name: String) throws {
    let tokenizer = try Cache.tokenizer(name)
    let cases = try Cache.cases(name)
    #expect(cases.count > 40)
    for (text, ids) in cases { #expect(tokenizer.encode(text, addSpecialTokens: false) == ids, "\(text)") }
  }

  /// Exactly the text comes back, byte for byte; for llama-spm that includes taking back the one space which encoding
  /// puts in front of the text.
  @Test(arguments: names)
  func `decoding gives back the text byte for byte`(name: String) throws {
    let tokenizer = try Cache.tokenizer(name)
    for (text, ids) in try Cache.cases(name) { #expect(Array(tokenizer.decode(ids).utf8) == Array(text.utf8)) }
  }

  @Test(arguments: names)
  func `a streaming decoder gives what decoding at once gives, for any tokens`(name: String) throws {
    let tokenizer = try Cache.tokenizer(name)
    var random = SplitMix(seed: 7)
    for round in 0..<60 {
      // Sequences of random ids mix bytes of unrelated characters; real text cuts characters in their middle.
      let text = String(String.UnicodeScalarView((0..<40).map { _ in random.scalar() }))
      let ids =
        round % 2 == 0
        ? (0..<80).map { _ in Int(random.next() % UInt64(tokenizer.vocabularySize + 3)) }
        : tokenizer.encode(text)
      for includesSpecial in [false, true] {
        var decoder = tokenizer.makeStreamingDecoder(includingSpecialTokens: includesSpecial)
        var streamed = ""
        for id in ids { streamed += decoder.append(id) }
        streamed += decoder.finish()
        let whole = tokenizer.decode(ids, includingSpecialTokens: includesSpecial)
        #expect(Array(streamed.utf8) == Array(whole.utf8))
      }
      if round % 2 == 1 { #expect(Array(tokenizer.decode(ids).utf8) == Array(text.utf8)) }
    }
  }

  @Test func `the llama3 group adds BOS and stops at its end tokens`() throws {
    let tokenizer = try Cache.tokenizer("llama-bpe")
    #expect(tokenizer.encode("Hi") == [128000, 13347])
    #expect(tokenizer.addsBeginningOfSequence)
    #expect(tokenizer.preTokenizerName == "llama-bpe")
    #expect(tokenizer.endOfGeneration.isSuperset(of: [128001, 128009]))
  }

  @Test func `control tokens are recognized only on demand, and BOS is not doubled`() throws {
    let tokenizer = try Cache.tokenizer("llama-bpe")
    let text = "<|begin_of_text|>Hi<|eot_id|>"
    #expect(tokenizer.encode(text, parseSpecialTokens: true) == [128000, 13347, 128009])
    let typed = tokenizer.encode(text)
    #expect(typed.filter { $0 >= 128000 } == [128000])
    #expect(Array(tokenizer.decode(typed).utf8) == Array(text.utf8))
    #expect(tokenizer.decode([128000, 13347, 128009], includingSpecialTokens: true) == text)
  }

  @Test func `typed control names never become control tokens of a SentencePiece vocabulary`() throws {
    let tokenizer = try Cache.tokenizer("llama-spm")
    let ids = tokenizer.encode("<s></s><unk><0x0A>", addSpecialTokens: false)
    #expect(ids.allSatisfy { $0 > 258 })
    #expect(tokenizer.decode(ids) == "<s></s><unk><0x0A>")
    #expect(tokenizer.encode("a</s> b", parseSpecialTokens: true).contains(2))
    let parsed = tokenizer.encode("a</s> b", parseSpecialTokens: true)
    #expect(tokenizer.decode(parsed, includingSpecialTokens: true) == "<s>a</s> b")
  }

  @Test(arguments: ["llama-bpe", "llama-spm"])
  func `merging a long word costs n log n steps, not n squared`(name: String) throws {
    let tokenizer = try Cache.tokenizer(name)
    func steps(_ count: Int) -> Int {
      var random = SplitMix(seed: 3)
      let word = String(String.UnicodeScalarView((0..<count).map { _ in random.letter() }))
      var scratch = BytePairModel.Scratch(textLength: 0)
      _ = tokenizer.encode(word, addSpecialTokens: false, parseSpecialTokens: false, scratch: &scratch)
      return scratch.mergeSteps
    }
    let small = steps(2_000)
    let large = steps(32_000)
    #expect(small > 2_000)
    #expect(large < 32 * small, "16 times the text: \(small) and \(large) steps")
    #expect(Double(large) < 4 * 32_000 * 15)
  }
}

@Suite(.enabled(if: TestFiles.hasSmolLM2, "put the SmolLM2 file into the cache first"))
struct SmolLM2Tests {
  @Test func `a known sentence has its known ids`() throws {
    let tokenizer = try Tokenizer(gguf: GGUFFile(path: TestFiles.smolLM2))
    #expect(tokenizer.encode("The capital of France is") == [504, 3575, 282, 4649, 314])
    #expect(tokenizer.preTokenizerName == "smollm")
    #expect(tokenizer.endOfGeneration == [0, 2])
    #expect(tokenizer.chatTemplates["default"]?.contains("im_start") == true)
  }
}

extension SplitMix {
  /// One to four bytes of UTF-8, equally likely. No scalar above U+3FFFF: some vocabularies, Falcon's for one, lack the
  /// byte 0xF2 and drop it.
  mutating func scalar() -> Unicode.Scalar {
    let limits: [ClosedRange<UInt32>] = [0x20...0x7E, 0x80...0x7FF, 0x800...0xD7FF, 0x10000...0x3FFFF]
    let range = limits[Int(next() % 4)]
    return Unicode.Scalar(UInt32.random(in: range, using: &self)) ?? "?"
  }

  mutating func letter() -> Unicode.Scalar { Unicode.Scalar(UInt8(97 + next() % 26)) }
}
