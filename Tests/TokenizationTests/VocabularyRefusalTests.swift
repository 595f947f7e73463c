import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Vocabularies that are wrong, odd or hostile.
struct VocabularyRefusalTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func tokenizer(
    tokens: [String] = ["a", "b", "ab", "Ġ"], types: [Int32]? = nil, merges: [String]? = ["a b"],
    _ changes: [(String, GGUFBuilder.Value)] = [], model: String = "gpt2", pre: String? = "gpt-2"
  ) throws -> Tokenizer {
    var builder = GGUFBuilder()
    builder.add("tokenizer.ggml.model", .string(model))
    if let pre { builder.add("tokenizer.ggml.pre", .string(pre)) }
    builder.add("tokenizer.ggml.tokens", .strings(tokens))
    if let types { builder.add("tokenizer.ggml.token_type", .i32s(types)) }
    if let merges { builder.add("tokenizer.ggml.merges", .strings(merges)) }
    for (key, value) in changes { builder.add(key, value) }
    return try Tokenizer(gguf: GGUFFile(path: folder.write("vocabulary.gguf", builder.build())))
  }

  /// The message of the error that `body` must throw.
  private func message(_ body: () throws -> Tokenizer) throws -> String {
    let error = try #require(throws: TokenizationError.self) { _ = try body() }
    return error.description
  }

  @Test func `an unknown pre-tokenizer is refused by name, with those that are known`() throws {
    let text = try message { try tokenizer(pre: "tekken") }
    #expect(text.contains("'tekken'") && text.contains("llama-bpe") && text.contains("smollm"))
    #expect(text.contains("vocabulary.gguf"))
  }

  @Test func `an unknown kind of vocabulary is refused`() throws {
    #expect(try message { try tokenizer(model: "bert") }.contains("'bert'"))
  }

  @Test func `a missing pre-tokenizer is noted, and Llama 3's vocabulary is recognized`() throws {
    let plain = try tokenizer(pre: nil)
    #expect(plain.preTokenizerName == "default")
    #expect(plain.notes.contains { $0.contains("tokenizer.ggml.pre is missing") })
    let tokens = (0..<128_000).map { "t\($0)" } + ["<|begin_of_text|>"]
    let llama = try tokenizer(tokens: tokens, pre: nil)
    #expect(llama.preTokenizerName == "llama-bpe")
    #expect(llama.notes.contains { $0.contains("llama-bpe rule was chosen because") })
  }

  @Test func `no tokens, too few types and impossible ids are refused`() throws {
    #expect(try message { try tokenizer(tokens: []) }.contains("empty"))
    #expect(try message { try tokenizer(types: [1]) }.contains("a list of 1"))
    #expect(try message { try tokenizer(merges: nil) }.contains("tokenizer.ggml.merges is missing"))
    #expect(try message { try tokenizer(merges: ["ab"]) }.contains("merges[0]"))
    #expect(try message { try tokenizer(merges: [" a"]) }.contains("merges[0]"))
    let id = [("tokenizer.ggml.bos_token_id", GGUFBuilder.Value.u32(4))]
    #expect(try message { try tokenizer(id) }.contains("bos_token_id is 4"))
    #expect(try message { try tokenizer(model: "llama") }.contains("scores is missing"))
    let scores = [("tokenizer.ggml.scores", GGUFBuilder.Value.f32s([1]))]
    #expect(try message { try tokenizer(scores, model: "llama") }.contains("a list of 1"))
  }

  @Test func `repeated tokens and merges count once, at their first place`() throws {
    let tokenizer = try tokenizer(tokens: ["a", "b", "ab", "ab", "a"], merges: ["a b", "a b"])
    #expect(tokenizer.encode("ab") == [2])
    #expect(tokenizer.decode([3, 4]) == "aba")
    #expect(tokenizer.notes.count == 2)
  }

  @Test func `a merge that leads to no token is taken apart again`() throws {
    // "ab" is no token and yet a step on the way to "abc", as llama.cpp allows.
    let tokenizer = try tokenizer(tokens: ["a", "b", "c", "abc"], merges: ["a b", "ab c", "x y"])
    #expect(tokenizer.encode("abc") == [3])
    #expect(tokenizer.encode("abab") == [0, 1, 0, 1])
    #expect(tokenizer.encode("xy") == [])
    #expect(tokenizer.notes.contains { $0.contains("no token") })
  }

  @Test func `ids outside the vocabulary print nothing`() throws {
    let tokenizer = try tokenizer()
    #expect(tokenizer.decode([-1, 2, 4, .max, .min]) == "ab")
    #expect(tokenizer.bytes(of: 99) == [] && tokenizer.text(of: -1) == "" && tokenizer.type(of: 4) == nil)
  }

  @Test func `special tokens are matched longest first, user-defined ones always`() throws {
    let tokenizer = try tokenizer(
      tokens: ["a", "<", "<x", "<xy>", "aa", "", "b"], types: [1, 1, 4, 3, 1, 3, 1], merges: ["a a"])
    #expect(tokenizer.encode("<xy>aa<xaa", parseSpecialTokens: true) == [3, 4, 2, 4])
    #expect(tokenizer.encode("<xy>aa") == [2, 4])
    #expect(tokenizer.decode([3, 2, 0]) == "<xa")
    #expect(tokenizer.text(of: 3) == "<xy>")
  }

  @Test func `a special token cannot cut a character`() throws {
    var builder = GGUFBuilder()
    builder.add("tokenizer.ggml.model", .string("gpt2"))
    builder.add("tokenizer.ggml.pre", .string("gpt-2"))
    builder.add("tokenizer.ggml.tokens", .byteStrings([Array("Ã".utf8), Array("©".utf8), [0xA9]]))
    builder.add("tokenizer.ggml.token_type", .i32s([1, 1, 4]))
    builder.add("tokenizer.ggml.merges", .strings([]))
    let tokenizer = try Tokenizer(gguf: GGUFFile(path: folder.write("cut.gguf", builder.build())))
    #expect(tokenizer.encode("é", parseSpecialTokens: true) == [0, 1])
  }

  @Test func `scores that are no numbers rank last`() throws {
    let tokenizer = try tokenizer(
      tokens: ["a", "b", "c", "ab", "bc", "▁"], merges: nil,
      [
        ("tokenizer.ggml.scores", .f32s([0, 0, 0, .nan, -5, 0])),
        ("tokenizer.ggml.add_space_prefix", .bool(false)), ("tokenizer.ggml.add_bos_token", .bool(false)),
      ], model: "llama")
    #expect(tokenizer.encode("abc") == [0, 4])
    #expect(tokenizer.encode("ab") == [3])
    // Without byte tokens, what is unknown becomes the unknown token, id 0 by default.
    #expect(tokenizer.encode("é") == [0])
  }

  @Test func `a damaged SentencePiece model is refused or read, never a trap`() throws {
    let model = try TestFiles.goldenBytes("tokenizers/small.model")
    var random = SplitMix(seed: 11)
    for round in 0..<400 {
      var bytes = model
      if round % 2 == 0 {
        bytes.removeLast(Int.random(in: 1..<model.count, using: &random))
      } else {
        for _ in 0..<3 {
          bytes[Int.random(in: 1..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
      }
      if let tokenizer = try? Tokenizer(modelFile: bytes, file: "small.model") {
        #expect(tokenizer.decode(tokenizer.encode("the capital é")).isEmpty == false)
      }
    }
    #expect(throws: TokenizationError.self) { try Tokenizer(modelFile: Array(model.dropLast()), file: "small.model") }
    #expect(throws: TokenizationError.self) { try Tokenizer(modelFile: [], file: "empty.model") }
    let pointer = try message {
      try Tokenizer(modelFile: Array("version https://git-lfs.github.com/spec/v1".utf8), file: "m")
    }
    #expect(pointer.contains("git lfs pull"))
  }

  @Test(arguments: [
    (#"{"model":{"type":"Unigram","vocab":[]}}"#, "Unigram"), (#"{}"#, "model is missing"),
    (#"{"model":{"type":"BPE","vocab":{},"merges":[]}}"#, "empty"),
    (#"{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}"#, "id 0"),
    (#"{"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}}"#, "-1"),
    (#"{"model":{"type":"BPE","vocab":{"a":999999999},"merges":[]}}"#, "999999999"),
    (#"{"model":{"type":"BPE","vocab":{"a":"x"},"merges":[]}}"#, "integer id"),
    (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}}"#, "merges[0]"),
    (#"{"model":{"type":"BPE","vocab":{"a":0}}}"#, "merges is missing"),
    (
      #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"CharDelimiterSplit"}}"#,
      "CharDelim"
    ),
    (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":{"type":"NFKC"}}"#, "NFKC"),
    (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"decoder":{"type":"WordPiece"}}"#, "WordPiece"),
    (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"post_processor":{"type":"Roberta"}}"#, "Roberta"),
    (
      #"{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"("}}}"#,
      "PCRE2"
    ),
    (#"{"model":{"type":"BPE","vocab":{"a":0},"merges":[],"end_of_word_suffix":"</w>"}}"#, "end_of_word_suffix"),
    (#"{"model":"#, "t.json"),
  ])
  func `a tokenizer.json that cannot be served is refused with the reason`(json: String, reason: String) throws {
    let text = try message { try Tokenizer(tokenizerJSON: Array(json.utf8), file: "t.json") }
    #expect(text.contains(reason) && text.contains("t.json"), "\(text)")
  }
}
