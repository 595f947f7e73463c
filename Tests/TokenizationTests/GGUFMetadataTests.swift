import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Tokenizers of every kind into GGUF metadata and back; the golden files are those of `make_tokenizer_golden.py`.
struct GGUFMetadataTests {
  static let named = ["gpt2.json", "smollm.json", "llama3.json", "llama2.json", "small.model"]
  static let others = [
    "flags.json", "inverted.json", "splits.json", "metaspace-first.json", "metaspace-never.json", "qwen.json",
  ]

  static func reread(_ metadata: GGUFTokenizerMetadata) throws -> (GGUFFile, Tokenizer) {
    let layout = try GGUFLayout(metadata: metadata.entries, tensors: [], file: "x.gguf")
    let file = try GGUFFile(bytes: layout.header, name: "x.gguf")
    return (file, try Tokenizer(gguf: file))
  }

  @Test(arguments: named + others)
  func `a tokenizer encodes the same when it comes back from a GGUF file`(name: String) throws {
    let tokenizer = try Tokenizer(path: TestFiles.goldenPath("tokenizers/\(name)"))
    let metadata = try tokenizer.ggufMetadata(rows: tokenizer.vocabularySize + 3)
    let (file, again) = try GGUFMetadataTests.reread(metadata)
    for text in Tokenizer.difficultTexts {
      let ids = tokenizer.encode(text, parseSpecialTokens: true)
      #expect(again.encode(text, parseSpecialTokens: true) == ids, "\(text)")
      // SentencePiece files drop the space behind a special token, tokenizer.json only that at the beginning.
      guard tokenizer.kind == .byteLevelBPE else { continue }
      #expect(again.decode(ids) == tokenizer.decode(ids), "\(text)")
    }
    #expect(again.endOfGeneration == tokenizer.endOfGeneration)
    if let end = tokenizer.specialTokens.endOfSequence { #expect(again.specialTokens.endOfSequence == end) }
    #expect(try file.strings("tokenizer.ggml.tokens")?.count == tokenizer.vocabularySize + 3)
  }

  @Test(arguments: zip(named, ["gpt-2", "smollm", "llama-bpe", "default", "default"]))
  func `the rule that other runtimes know is named`(name: String, rule: String) throws {
    let tokenizer = try Tokenizer(path: TestFiles.goldenPath("tokenizers/\(name)"))
    let metadata = try tokenizer.ggufMetadata(rows: tokenizer.vocabularySize)
    let (file, _) = try GGUFMetadataTests.reread(metadata)
    #expect(try file.string("tokenizer.ggml.pre") == rule)
    #expect(file["tokenizer.huggingface.json"] == nil)
    #expect(metadata.notes.isEmpty)
  }

  @Test(arguments: ["inverted.json", "splits.json"])
  func `where no rule splits so, the tokenizer goes along whole and the user is told`(name: String) throws {
    let tokenizer = try Tokenizer(path: TestFiles.goldenPath("tokenizers/\(name)"))
    let metadata = try tokenizer.ggufMetadata(rows: tokenizer.vocabularySize)
    let (file, _) = try GGUFMetadataTests.reread(metadata)
    #expect(file["tokenizer.huggingface.json"] != nil)
    #expect(metadata.notes.first?.contains("other runtimes differ at") == true)
  }
}
