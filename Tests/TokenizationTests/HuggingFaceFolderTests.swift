import TestSupport
import Testing
import Tokenization

struct HuggingFaceFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A folder with the golden tokenizer "gpt2", whose ids 330, 331 and 332 are `<s>`, `</s>` and `<|end|>`.
  private func tokenizer(_ files: [String: String]) throws -> Tokenizer {
    _ = try folder.write("tokenizer.json", TestFiles.goldenBytes("tokenizers/gpt2.json"))
    for (name, text) in files { _ = try folder.write(name, text) }
    return try Tokenizer(path: folder.path)
  }

  @Test func `side files name the roles and the end tokens`() throws {
    let tokenizer = try tokenizer([
      "tokenizer_config.json": #"{"bos_token":{"content":"<s>"},"eos_token":"</s>","pad_token":null}"#,
      "special_tokens_map.json": #"{"pad_token":"<|end|>","mask_token":"nowhere"}"#,
      "generation_config.json": #"{"eos_token_id":[331,5,99999]}"#,
    ])
    #expect(tokenizer.beginningOfSequence == 330 && tokenizer.endOfSequence == 331)
    #expect(tokenizer.padding == 332 && tokenizer.mask == nil)
    #expect(tokenizer.endOfGeneration == [5, 331, 332])
    #expect(!tokenizer.addsBeginningOfSequence)
  }

  @Test func `add_bos_token overrules the post-processor and says so`() throws {
    let tokenizer = try tokenizer(["tokenizer_config.json": #"{"bos_token":"<s>","add_bos_token":true}"#])
    #expect(tokenizer.encode("a").first == 330)
    #expect(tokenizer.notes.contains { $0.contains("add_bos_token") })
  }

  @Test func `chat templates come from all places, the newest first`() throws {
    let tokenizer = try tokenizer([
      "tokenizer_config.json":
        #"{"chat_template":[{"name":"default","template":"old"},{"name":"tools","template":"T"}]}"#,
      "chat_template.json": #"{"chat_template":"newer"}"#, "chat_template.jinja": "newest",
    ])
    #expect(tokenizer.chatTemplates == ["default": "newest", "tools": "T"])
  }

  @Test func `tokenizer.model serves where there is no tokenizer.json, with its added tokens`() throws {
    _ = try folder.write("tokenizer.model", TestFiles.goldenBytes("tokenizers/small.model"))
    _ = try folder.write("added_tokens.json", #"{"<pad>":440}"#)
    let tokenizer = try Tokenizer(path: folder.path)
    #expect(tokenizer.kind == .sentencePieceBPE)
    #expect(tokenizer.vocabularySize == 441)
    #expect(tokenizer.id(ofTokenNamed: "<pad>") == 440)
    #expect(tokenizer.decode(tokenizer.encode("the capital")) == "the capital")
  }

  @Test func `a folder without a tokenizer is refused`() throws {
    let error = try #require(throws: TokenizationError.self) { try Tokenizer(path: folder.path) }
    #expect(error.description.contains("tokenizer.json"))
    #expect(throws: TokenizationError.self) { try Tokenizer(path: "/nowhere/at/all") }
  }

  @Test func `one tokenizer serves many tasks at once`() async throws {
    let tokenizer = try tokenizer([:])
    let text = String(repeating: "The capital of France is Paris, isn't it? ", count: 400)
    let expected = tokenizer.encode(text)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<16 { group.addTask { tokenizer.encode(text) == expected } }
      for await same in group { #expect(same) }
    }
  }

  @Test func `the cache of pieces changes no result`() throws {
    let tokenizer = try tokenizer([:])
    var random = SplitMix(seed: 5)
    let words = (0..<6000).map { _ in
      String(String.UnicodeScalarView((0..<Int.random(in: 1...18, using: &random)).map { _ in random.letter() }))
    }
    // Long texts use the cache, single words do not.
    let text = words.joined(separator: " ")
    let single = words.enumerated().flatMap { tokenizer.encode(($0 == 0 ? "" : " ") + $1) }
    #expect(text.utf8.count > 16_384)
    #expect(tokenizer.encode(text + " " + text).starts(with: single))
  }
}
