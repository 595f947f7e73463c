import BitNet
import Foundation
import TestSupport
import Testing
import Tokenization

/// What `Tests/Golden/make_diffusion_golden.py` found with the loop of Fast-dLLM v2 in PyTorch.
struct BlockDiffusionGolden: Decodable {
  struct Pass: Decodable, Equatable {
    let kind: String
    let start: Int
    let tokens: Int
    /// Position and token.
    let revealed: [[Int]]
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let model: String
    let mask: Int
    let prompt: [Int]
    let block: Int
    let sub_block: Int
    let mode: BlockDiffusionOptions.Mode
    let threshold: Float
    let cache: Bool
    let count: Int
    let stops: [Int]
    let tokens: [Int]
    let passes: [Pass]

    var testDescription: String {
      "\(model), \(mode) \(threshold), \(block)/\(sub_block), cache \(cache), \(prompt.count) tokens, stops \(stops)"
    }

    var options: BlockDiffusionOptions {
      BlockDiffusionOptions(
        maskToken: mask, mode: mode, blockSize: block, subBlockSize: sub_block, threshold: threshold,
        usesSubBlockCache: cache)
    }
  }

  struct Text: Decodable {
    let prompt: String
    let text: String
  }

  let autoregressive: [Text]
  let cases: [Case]

  static let shared = Result {
    try JSONDecoder().decode(
      BlockDiffusionGolden.self,
      from: Data(contentsOf: URL(filePath: TestFiles.goldenPath("diffusion/golden.json"))))
  }
}

@Suite struct BlockDiffusionGoldenTests {
  @Test(arguments: try BlockDiffusionGolden.shared.get().cases)
  func `every pass computes and reveals what the reference does`(golden: BlockDiffusionGolden.Case) throws {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath(golden.model)), options: .init(threads: 1))
    var decoder = BlockDiffusionDecoder(
      prompt: golden.prompt, options: golden.options, sampling: .greedy, maximumTokens: golden.count,
      stopTokens: Set(golden.stops), contextLength: model.contextLength)
    let batch = Batch(model: model)
    let cache = KeyValueCache(model: model)
    var tokens: [Int] = []
    var passes: [BlockDiffusionGolden.Pass] = []
    while let pass = decoder.nextPass() {
      _ = batch.compute(pass.entries(cache: cache))
      let step = decoder.accept(batch.logits(rows: pass.logitRows), of: pass)
      tokens += step.committed
      let kind = [.prefill: "prefill", .full: "full", .subBlock: "sub-block", .commit: "commit"][pass.kind] ?? ""
      passes.append(
        .init(
          kind: kind, start: pass.parts[0].start, tokens: pass.tokenCount,
          revealed: step.predictions.filter(\.isRevealed).map { [$0.position, $0.token] }))
    }
    #expect(tokens == golden.tokens)
    #expect(passes == golden.passes)
  }

  @Test func `left to right, the trained model writes the reference's text`() throws {
    let model = try Model(contentsOf: URL(filePath: TestFiles.goldenPath("diffusion/tiny-lists")))
    let tokenizer = try #require(model.tokenizer)
    let texts = try BlockDiffusionGolden.shared.get().autoregressive
    #expect(!texts.isEmpty)
    for golden in texts {
      var tokens: [Int] = []
      try model.makeSession().generate(
        tokenizer.encode(golden.prompt), options: .init(maximumTokens: 100, sampling: .greedy)
      ) { tokens.append($0) }
      #expect(tokenizer.decode(tokens) == golden.text)
    }
  }
}
