import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Against Tests/Golden/vocabularies/learnt.json, which make_vocabulary_golden.py made with Hugging Face `tokenizers`.
struct BytePairTrainerTests {
  private let golden: JSONNode

  init() throws { golden = try JSONParser.parse(path: TestFiles.goldenPath("vocabularies/learnt.json")) }

  private func strings(_ node: JSONNode?) throws -> [[UInt8]] {
    try #require(node).array().map { Array(try $0.string().utf8) }
  }

  private func trainer(_ rule: String) throws -> BytePairTrainer {
    var trainer = try BytePairTrainer(rule: rule)
    for document in try #require(golden["documents"]).array() { trainer.add(try document.string()) }
    return trainer
  }

  /// What the files of a vocabulary say, read back by this library.
  private func loaded(_ vocabulary: TrainedVocabulary) throws -> (json: JSONNode, tokenizer: Tokenizer) {
    let folder = try TemporaryFolder()
    for (name, text) in try vocabulary.huggingFaceFiles() { try folder.write(name, text) }
    return (
      try JSONParser.parse(path: folder.path + "/tokenizer.json"), try Tokenizer(path: folder.path)
    )
  }

  @Test(arguments: 0..<6)
  func `the merges, tokens and ids are those that Hugging Face learns`(index: Int) throws {
    let expected = try #require(golden["vocabularies"]).array()[index]
    let rule = try #require(try expected.string("rule"))
    let size = try #require(try expected.integer("size"))
    let vocabulary = try trainer(rule).train(vocabularySize: size)
    let (json, tokenizer) = try loaded(vocabulary)
    let merges = try #require(json["model"]?["merges"]).array().map { pair in
      try pair.array().map { try $0.string() }.joined(separator: " ")
    }
    #expect(merges.map { Array($0.utf8) } == (try strings(expected["merges"])))
    let tokens = try #require(json["model"]?["vocab"]).object().entries.map(\.key.bytes)
    #expect(tokens == (try strings(expected["tokens"])))
    let probes = try #require(golden["probes"]).array()
    for (probe, ids) in zip(probes, try #require(expected["ids"]).array()) {
      let text = try probe.string()
      let own = try ids.array().map { try $0.integer() }
      #expect(tokenizer.encode(text) == own, "\(text.debugDescription)")
      #expect(tokenizer.decode(own) == text)
      #expect(try vocabulary.tokenizer().encode(text) == own, "\(text.debugDescription)")
    }
  }

  @Test func `the files name the roles`() throws {
    let (_, tokenizer) = try loaded(trainer("smollm").train(vocabularySize: 300))
    #expect(tokenizer.vocabularySize == 300)
    #expect(tokenizer.beginningOfSequence == 0 && tokenizer.endOfSequence == 0)
    #expect(tokenizer.mask == 1 && tokenizer.padding == 2)
    #expect(!tokenizer.addsBeginningOfSequence)
    #expect(tokenizer.endOfGeneration == [0])
    #expect(tokenizer.encode("a<|mask|>b", parseSpecialTokens: true).contains(1))
    #expect(!tokenizer.encode("a<|mask|>b").contains(1))
  }

  @Test func `a special token in a text is cut out and teaches nothing`() throws {
    var plain = try BytePairTrainer(rule: "gpt-2")
    var marked = try BytePairTrainer(rule: "gpt-2")
    plain.add("abab abab")
    plain.add("cdcd cdcd")
    marked.add("abab abab<|endoftext|>cdcd cdcd")
    #expect(plain.wordCount == marked.wordCount)
    let sizes = 256 + 3 + 3
    #expect(
      try plain.train(vocabularySize: sizes).huggingFaceFiles().map(\.text)
        == marked.train(vocabularySize: sizes).huggingFaceFiles().map(\.text))
  }

  @Test func `tokens of the text are counted`() throws {
    var trainer = try BytePairTrainer(rule: "gpt-2")
    trainer.add("abab abab")
    let vocabulary = try trainer.train(vocabularySize: 260)
    #expect(vocabulary.mergeCount == 1)
    #expect(trainer.byteCount == 9)
    // ab ab, space ab ab
    #expect(vocabulary.trainingTokenCount == 5)
  }

  @Test func `what cannot be learnt is refused with the reason`() throws {
    #expect(throws: TokenizationError.self) { try BytePairTrainer(rule: "no-such-rule") }
    #expect(throws: TokenizationError.self) { try BytePairTrainer(rule: "gpt-2", specialTokens: ["a", "a"]) }
    #expect(throws: TokenizationError.self) { try BytePairTrainer(rule: "gpt-2", specialTokens: [""]) }
    var trainer = try BytePairTrainer(rule: "gpt-2")
    trainer.add("ab ab")
    let tooSmall = try #require(throws: TokenizationError.self) { try trainer.train(vocabularySize: 259) }
    #expect(tooSmall.description.contains("no room"))
    let tooLarge = try #require(throws: TokenizationError.self) { try trainer.train(vocabularySize: 4096) }
    #expect(tooLarge.description.contains("more text"))
  }
}
