import BitNet
import Testing

/// The decoder's decisions, on a model that is a formula.
@Suite struct BlockDiffusionDecoderTests {
  private func decoder(
    _ model: MockModel, prompt: Int, _ mode: BlockDiffusionOptions.Mode = .iterative, threshold: Float = 0.9,
    sub: Int? = nil, cache: Bool = true, count: Int? = nil, stops: Set<Int> = [], context: Int = 1000,
    computed: Int = 0
  ) -> BlockDiffusionDecoder {
    BlockDiffusionDecoder(
      prompt: model.text(0..<prompt), computed: computed,
      options: .init(
        maskToken: MockModel.mask, mode: mode, blockSize: model.blockSize, subBlockSize: sub, threshold: threshold,
        usesSubBlockCache: cache),
      sampling: .greedy, maximumTokens: count, stopTokens: stops, contextLength: context)
  }

  /// The table of the reference: block 8, sub-block 4, a prompt of 5, 11 new tokens.
  @Test(
    arguments: [
      (0.9, true, ["F 5", "S 6 7", "C 8", "F 9 10", "S 11", "F 12 13", "S 14", "S 15"]),
      (0.9, false, ["F 5", "F 6 7", "C 8", "F 9 10", "F 11", "F 12 13", "F 14", "F 15"]),
      (0.5, true, ["F 5 7", "S 6", "C 8", "F 9 10 11", "F 12 13 14", "S 15"]),
      (1, true, ["F 5", "S 7", "S 6", "C 8", "F 10", "S 9", "S 11", "F 13", "S 12", "S 14", "S 15"]),
    ] as [(Float, Bool, [String])])
  func `passes and reveals are those of the reference`(threshold: Float, cache: Bool, expected: [String]) {
    var model = MockModel(blockSize: 8)
    var decoder = decoder(model, prompt: 5, threshold: threshold, sub: 4, cache: cache, count: 11)
    let (trace, output) = model.decode(&decoder)
    #expect(output == model.text(5..<16))
    if threshold < 1 {
      #expect(trace == expected)
    } else {
      // One token per pass; which of two equal ones comes first is another matter.
      #expect(trace.count == expected.count && trace.map(\.first) == expected.map(\.first))
    }
    #expect(decoder.finishReason == .maximumTokens)
  }

  /// The table for whole blocks: the prompt is block 0, and its pass gives position 8.
  @Test(
    arguments: [
      (.iterative, 0.9, ["P 8", "F 9 10", "F 11", "F 12 13", "F 14", "F 15"]),
      (.iterative, 0.5, ["P 8", "F 9 10 11", "F 12 13 14", "F 15"]),
      (.adaptive, 0.9, ["P 8", "F 9 10 11", "F 12 13", "F 14", "F 15"]),
      (.greedy, 0.9, ["P 8", "F 9 10 11 12 13 14 15"]),
    ] as [(BlockDiffusionOptions.Mode, Float, [String])])
  func `the modes reveal what their thresholds say`(
    mode: BlockDiffusionOptions.Mode, threshold: Float, expected: [String]
  ) {
    var model = MockModel(blockSize: 8)
    var decoder = decoder(model, prompt: 8, mode, threshold: threshold, sub: 8, count: 8)
    let (trace, output) = model.decode(&decoder)
    #expect(trace == expected)
    #expect(output == model.text(8..<16))
  }

  @Test func `adaptive thresholds rise to the final one and never above it`() {
    func thresholds(_ final: Float) -> [Float] {
      let options = BlockDiffusionOptions(maskToken: 0, mode: .adaptive, threshold: final)
      return (1...4).map { (options.threshold(ofPass: $0) * 100).rounded() / 100 }
    }
    #expect(thresholds(0.9) == [0.5, 0.7, 0.9, 0.9])
    #expect(thresholds(0.7) == [0.5, 0.7, 0.7, 0.7])
    #expect(thresholds(0.95) == [0.55, 0.75, 0.95, 0.95])
    #expect(thresholds(0.6) == [0.5, 0.6, 0.6, 0.6])
    #expect(thresholds(0.3) == [0.3, 0.3, 0.3, 0.3])
  }

  @Test(arguments: [1, 7, 8, 9, 15, 16, 17, 24], [1, 2, 4, 8])
  func `a prompt may end anywhere in a block`(prompt: Int, sub: Int) {
    for mode in BlockDiffusionOptions.Mode.allCases {
      for cache in [true, false] {
        var model = MockModel(blockSize: 8)
        var decoder = decoder(model, prompt: prompt, mode, sub: sub, cache: cache, count: 21)
        let (trace, output) = model.decode(&decoder)
        #expect(output == model.text(prompt..<prompt + 21), "\(mode), cache \(cache)")
        #expect(trace.contains { $0.hasPrefix("P") } == (prompt >= 8))
        #expect(decoder.storedPositions.isMultiple(of: 8))
      }
    }
  }

  @Test(arguments: Array(9..<24)) func `a stop token ends the text wherever it stands in a block`(position: Int) {
    for mode in BlockDiffusionOptions.Mode.allCases {
      for prompt in [5, 8] {
        var model = MockModel(blockSize: 8)
        model.exceptions = [position: 15]
        var decoder = decoder(model, prompt: prompt, mode, sub: 4, stops: [15])
        let (_, output) = model.decode(&decoder)
        #expect(output == model.text(prompt..<position), "\(mode), prompt \(prompt)")
        #expect(decoder.finishReason == .endToken)
      }
    }
  }

  @Test func `a stop token behind a mask does not end the text yet`() {
    var model = MockModel(blockSize: 8)
    model.exceptions = [11: 15]
    var decoder = decoder(model, prompt: 8, threshold: 0.6, sub: 8, stops: [15])
    var committed: [[Int]] = []
    while let pass = decoder.nextPass() {
      committed.append(decoder.accept(model.logits(of: pass), of: pass).committed)
    }
    #expect(committed.flatMap(\.self) == model.text(8..<11))
  }

  @Test func `no token beyond the limit is committed, and none is asked for`() {
    for count in 0...12 {
      var model = MockModel(blockSize: 8)
      var decoder = decoder(model, prompt: 6, .greedy, count: count)
      let (trace, output) = model.decode(&decoder)
      #expect(output == model.text(6..<6 + count))
      #expect(decoder.finishReason == .maximumTokens && decoder.generatedTokens == count)
      // 6 and 7 by the first pass, 8 by the commit, 9 to 15 by the third, and so on; no commit that nobody needs.
      #expect(trace.count == [0, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 4, 5][count])
    }
  }

  @Test func `a block that does not fit the context is not begun`() {
    for (prompt, context, expected) in [(6, 8, 3), (6, 15, 3), (6, 16, 11), (8, 8, 1), (5, 7, 0)] {
      var model = MockModel(blockSize: 8)
      var decoder = decoder(model, prompt: prompt, context: context)
      let (_, output) = model.decode(&decoder)
      #expect(output == model.text(prompt..<prompt + expected), "prompt \(prompt), context \(context)")
      #expect(decoder.finishReason == .contextFull)
    }
  }

  @Test func `the mask token is never revealed, and its wins are counted`() {
    var model = MockModel(blockSize: 8)
    model.echoedAt = 12
    var decoder = decoder(model, prompt: 8, .greedy, count: 8)
    var passes = BlockDiffusionPasses()
    var output: [Int] = []
    while let pass = decoder.nextPass() {
      let step = decoder.accept(model.logits(of: pass), of: pass)
      passes.count(pass.kind, step)
      output += step.committed
    }
    #expect(output == model.text(8..<16))
    #expect(passes.maskEchoes == 1 && passes.predictions == 8 && passes.total == 1)
  }

  @Test func `a long prompt comes in parts that see each other, as many as a pass takes`() throws {
    let model = MockModel(blockSize: 8)
    var decoder = decoder(model, prompt: 50, count: 1)
    var starts: [[Int]] = []
    for limit in [20, 3, 1000] {
      let pass = try #require(decoder.nextPass(limit: limit))
      #expect(pass.kind == .prefill && pass.logitRows.isEmpty)
      #expect(pass.parts.allSatisfy { !$0.isCausal && $0.tokens.count == 8 && $0.end == $0.start + 8 })
      starts.append(pass.parts.map(\.start))
      _ = decoder.accept([], of: pass)
    }
    #expect(starts == [[0, 8], [16], [24, 32, 40]])
    #expect(decoder.nextPass()?.kind == .full)
  }

  @Test func `what a cache holds of the prompt is taken over in whole blocks`() throws {
    let model = MockModel(blockSize: 8)
    for (prompt, computed, expected) in [(50, 30, 24), (50, 50, 48), (48, 48, 40), (48, 47, 40), (7, 7, 0), (8, 8, 0)] {
      #expect(decoder(model, prompt: prompt, computed: computed).storedPositions == expected)
    }
    // Without masks a block of the prompt is still computed for the first token behind it.
    let pass = try #require(decoder(model, prompt: 16, computed: 16).nextPass())
    #expect(pass.kind == .prefill && pass.parts.map(\.start) == [8] && pass.logitRows == [7])
  }
}
