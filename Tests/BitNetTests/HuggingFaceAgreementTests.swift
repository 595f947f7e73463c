import BitNet
import Foundation
import TestSupport
import Testing
import Tokenization

/// Our logits against those of Hugging Face transformers, for tiny random models of every family.
///
/// Expected values: `Tests/Golden/make_bitnet_golden.py`. An int8 code on the border between two values may fall to
/// either side when sums are taken in another order, and a random network amplifies it. The script chose models whose first
/// five prompts and greedy path do not depend on rounding; `noise` in the golden file is how far rounding alone moved
/// transformers' own logits for the longer prompts, and those are held to the cosine.
@Suite struct HuggingFaceAgreementTests {
  @Test(arguments: GoldenModel.names) func `logits equal transformers'`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let model = try Model(contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 2))
    #expect(model.mode.rawValue == golden.native_mode)
    for (index, prompt) in golden.prompts.enumerated() {
      let logits = try model.makeSession().logits(after: prompt)
      let expected = golden.last_logits[index].values
      #expect(logits.count == expected.count)
      #expect(cosine(logits, expected) > (golden.noise[index] <= 1e-3 ? 0.9999 : 0.99), "prompt \(index)")
      guard index < 5 else { continue }
      let difference = zip(logits, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(Double(difference) < 2e-3, "prompt \(index)")
    }
  }

  @Test(arguments: GoldenModel.names) func `greedy decoding gives transformers' 32 tokens`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let model = try Model(contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 1))
    var tokens: [Int] = []
    try model.makeSession().generate(
      golden.prompts[golden.greedy.prompt],
      options: .init(maximumTokens: 32, sampling: .greedy, stopsAtEnd: false)
    ) { tokens.append($0) }
    #expect(tokens == golden.greedy.tokens)
  }

  @Test(arguments: GoldenModel.names) func `each mode gives its own logits`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let native = try Model(contentsOf: URL(filePath: GoldenModel.path(name)))
    for mode in QuantizationMode.allCases {
      let expected = try #require(golden.modes.last_logits[mode.rawValue]).values
      let logits = try native.inMode(mode).makeSession().logits(after: golden.prompts[golden.modes.prompt])
      #expect(cosine(logits, expected) > 0.9999, "\(mode.rawValue)")
    }
  }

  @Test(arguments: GoldenModel.names) func `hidden states and all positions agree`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let model = try Model(contentsOf: URL(filePath: GoldenModel.path(name)))
    let prompt = golden.prompts[golden.all_positions.prompt]
    var squares = Array(repeating: 0.0, count: model.configuration.layerCount)
    var logits: [[Float]] = []
    try model.makeSession().evaluate(
      prompt,
      observe: { position, layer, hidden in
        guard layer >= 0, position == prompt.count - 1 else { return }
        squares[layer] = hidden.reduce(0.0) { $0 + Double($1) * Double($1) }
      }, eachLogits: { _, row in logits.append(Array(row)) })
    let vocabulary = model.configuration.vocabularySize
    for (position, row) in logits.enumerated() {
      let expected = Array(golden.all_positions.logits.values[position * vocabulary..<(position + 1) * vocabulary])
      #expect(cosine(row, expected) > 0.9999, "position \(position)")
    }
    #expect(logits.count == prompt.count)
    for (layer, expected) in golden.hidden_rms.last_position.enumerated() {
      let rms = (squares[layer] / Double(model.configuration.hiddenSize)).squareRoot()
      #expect(abs(rms / expected - 1) < 1e-3, "layer \(layer)")
    }
  }

  @Test(arguments: GoldenModel.names) func `the same bits whatever the batch, the threads and the cache`(
    name: String
  ) throws {
    let golden = try GoldenModel.load(name)
    let prompt = try #require(golden.prompts.max { $0.count < $1.count })
    let one = try Model(contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 1))
    let three = try Model(contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 3))
    let whole = try one.makeSession().logits(after: prompt)
    #expect(try three.makeSession().logits(after: prompt) == whole)
    let stepwise = three.makeSession()
    for length in 1..<prompt.count { _ = try stepwise.logits(after: Array(prompt.prefix(length))) }
    #expect(try stepwise.logits(after: prompt) == whole)
    // Back to a shorter prefix, off to another end, and here again.
    _ = try stepwise.logits(after: Array(prompt.prefix(3)) + [7, 8, 9])
    #expect(try stepwise.logits(after: prompt) == whole)
    #expect(try stepwise.logits(after: prompt) == whole)
  }

  @Test(arguments: ["bitnet-online", "llama-tied"]) func `texts are tokenized as by tokenizers`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let model = try Model(contentsOf: URL(filePath: GoldenModel.path(name)))
    let tokenizer = try #require(model.tokenizer)
    for text in try #require(golden.texts) { #expect(tokenizer.encode(text.text) == text.ids) }
  }
}
