import BitNet
import Foundation
import ModelFormats
import TestSupport
import Testing
import Tokenization

/// A vocabulary that `scripts/fetch-vocabularies` puts into the cache.
private enum LlamaVocabulary {
  static let path = TestFiles.cache.appendingPathComponent("vocabularies/ggml-vocab-llama-bpe.gguf").path
  static let isThere = FileManager.default.fileExists(atPath: path)
}

/// Constraints over the vocabulary of Llama 3, that of the BitNet models.
@Suite(.enabled(if: LlamaVocabulary.isThere, "run scripts/fetch-vocabularies first")) struct JSONVocabularyTests {
  private static let tokenizer = try? Tokenizer(gguf: GGUFFile(path: LlamaVocabulary.path))
  private static let tokens = tokenizer.map { TokenTrie($0) }

  @Test(arguments: SchemaCase.all) func `conforming texts can be written in their usual tokens`(_ example: SchemaCase)
    throws
  {
    let tokenizer = try #require(Self.tokenizer)
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: try #require(Self.tokens))
    for text in example.good {
      var state = constraint.start()
      let string = String(decoding: text, as: UTF8.self)
      for token in tokenizer.encode(string, addSpecialTokens: false) {
        #expect(state.allows(token), "\(tokenizer.text(of: token)) in \(string)")
        state.advance(by: token)
      }
      #expect(state.mayEnd && tokenizer.endOfGeneration.allSatisfy(state.allows), "\(string)")
    }
  }

  @Test(arguments: SchemaCase.all) func `random tokens make conforming texts`(_ example: SchemaCase) throws {
    let tokens = try #require(Self.tokens)
    let constraint = JSONConstraint(try JSONSchema(compiling: example.schema), tokens: tokens)
    var random = SplitMix(seed: 11)
    var lines: [String] = []
    for _ in 0..<5 {
      let bytes = try JSONConstraintTests.walk(constraint, limit: 40, &random, text: tokens.text)
      lines.append(try JSONConstraintTests.line(example, bytes))
    }
    JSONConstraintTests.write(lines)
  }

  @Test func `special tokens are never allowed but the ends`() throws {
    let tokenizer = try #require(Self.tokenizer)
    let tokens = try #require(Self.tokens)
    var state = JSONConstraint(.anyObject, tokens: tokens).start()
    state.advance(byText: Array("{\"a\":\"".utf8))
    #expect(state.allowedTokens().tokens.allSatisfy { tokenizer.type(of: $0) == .normal })
    state.advance(byText: Array("\"}".utf8))
    #expect(state.isComplete && Set(state.allowedTokens().tokens) == tokenizer.endOfGeneration)
  }

  /// The mask, which goes through the vocabulary all at once, against the tokens one by one.
  @Test(arguments: ["", "{\"", "{\"a", "{\"a\":", "{\"a\": \"x", "{\"a\": [1", "{\"a\": {\"b\": \"\\"])
  func `the mask has the tokens that can be read`(_ text: String) throws {
    let tokens = try #require(Self.tokens)
    var state = JSONConstraint(.anyObject, tokens: tokens).start()
    state.advance(byText: Array(text.utf8))
    let mask = state.allowedTokens()
    for token in 0..<tokens.vocabularySize {
      var next = state
      let isTaken = next.advance(by: token)
      #expect(isTaken == mask.contains(token), "token \(token)")
    }
  }
}
