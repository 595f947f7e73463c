import BitNet
import Foundation
import Kernels
import TestSupport
import Testing
import Tokenization

/// Block diffusion on the tiny model that was trained for it.
@Suite struct BlockDiffusionModelTests {
  private static let path = TestFiles.goldenPath("diffusion/tiny-lists")
  private static let prompts = [
    "days: tuesday", "letters: b c d e f", "months: march april may june july aug", "count: one two three",
    "back: twelve eleven ten nine eight seven six five four three two one.\ncolours: red",
  ]

  private func model(_ precision: CachePrecision = .f32) throws -> Model {
    try Model(contentsOf: URL(filePath: Self.path), options: .init(threads: 2, cachePrecision: precision))
  }

  private func decoder(
    _ model: Model, _ prompt: [Int], _ options: BlockDiffusionOptions, sampling: Sampling = .greedy, count: Int? = 90,
    computed: Int = 0
  ) -> BlockDiffusionDecoder {
    BlockDiffusionDecoder(
      prompt: prompt, computed: computed, options: options, sampling: sampling, maximumTokens: count,
      stopTokens: model.tokenizer?.endOfGeneration ?? [], contextLength: model.contextLength)
  }

  private func decode(
    _ model: Model, _ decoder: BlockDiffusionDecoder, cache: KeyValueCache? = nil, limit: Int = 256
  ) -> [Int] {
    var decoder = decoder
    let batch = Batch(model: model), cache = cache ?? KeyValueCache(model: model)
    var tokens: [Int] = []
    while let pass = decoder.nextPass(limit: limit) {
      _ = batch.compute(pass.entries(cache: cache))
      tokens += decoder.accept(batch.logits(rows: pass.logitRows), of: pass).committed
    }
    return tokens
  }

  private func options(_ model: Model) throws -> [BlockDiffusionOptions] {
    let base = try model.blockDiffusionOptions()
    return BlockDiffusionOptions.Mode.allCases.flatMap { mode in
      [(true, 8), (false, 8), (true, 32), (true, 4)].map { cache, sub in
        var options = base
        options.mode = mode
        options.subBlockSize = sub
        options.usesSubBlockCache = cache
        return options
      }
    }
  }

  /// The definition: the masks of a block are filled from left to right, each by a pass over the whole sequence.
  private func unmaskedInOrder(_ model: Model, _ prompt: [Int], mask: Int, block: Int, count: Int) throws -> [Int] {
    let batch = Batch(model: model, capacity: 512)
    let ends = model.tokenizer?.endOfGeneration ?? []
    var sequence = prompt
    while sequence.count < prompt.count + count {
      // The first token of a block comes from the finished blocks before it.
      let filled = sequence.count.isMultiple(of: block) ? 0 : block - sequence.count % block
      let padded = sequence + Array(repeating: mask, count: filled)
      let cache = KeyValueCache(model: model)
      let entries = stride(from: 0, to: padded.count, by: block).map {
        Batch.Entry(cache: cache, tokens: Array(padded[$0..<$0 + block]), start: $0, isCausal: false)
      }
      _ = batch.compute(entries)
      var logits = batch.logits(rows: [sequence.count - 1])[0]
      logits[mask] = -.infinity
      let token = logits.indices.max { logits[$0] < logits[$1] } ?? 0
      if ends.contains(token) { break }
      sequence.append(token)
    }
    return Array(sequence[prompt.count...])
  }

  @Test(arguments: prompts)
  func `threshold 1 with sub-blocks of 1 is unmasking one token after another`(prompt: String) throws {
    let model = try model()
    let tokens = try #require(model.tokenizer).encode(prompt)
    for block in [32, 8] {
      var options = try model.blockDiffusionOptions()
      options.threshold = 1
      options.subBlockSize = 1
      options.blockSize = block
      let expected = try unmaskedInOrder(model, tokens, mask: options.maskToken, block: block, count: 40)
      #expect(decode(model, decoder(model, tokens, options, count: 40)) == expected)
    }
  }

  @Test(arguments: prompts)
  func `what follows from the prompt is written as from left to right`(prompt: String) throws {
    let model = try model()
    let tokens = try #require(model.tokenizer).encode(prompt)
    // Which colour comes next nobody knows; everything before it is certain.
    let certain = prompt.contains("colours") ? 0 : 30
    var expected: [Int] = []
    try model.makeSession().generate(tokens, options: .init(maximumTokens: certain, sampling: .greedy)) {
      expected.append($0)
    }
    for cache in [true, false] {
      var options = try model.blockDiffusionOptions()
      options.usesSubBlockCache = cache
      #expect(decode(model, decoder(model, tokens, options, count: certain)) == expected)
    }
  }

  @Test(arguments: CachePrecision.allCases)
  func `sequences together have the tokens that each has alone`(precision: CachePrecision) throws {
    let model = try model(precision)
    let tokenizer = try #require(model.tokenizer)
    let all = try options(model)
    for sampling in [Sampling.greedy, Sampling(temperature: 1.2, seed: 3)] {
      // Each with other options, so that passes of all kinds meet.
      var decoders = all.indices.map { index in
        decoder(
          model, tokenizer.encode(Self.prompts[index % Self.prompts.count]), all[index], sampling: sampling, count: 50)
      }
      let expected = decoders.map { decode(model, $0) }
      let batch = Batch(model: model, capacity: 1024)
      let caches = decoders.map { _ in KeyValueCache(model: model) }
      var found = decoders.map { _ in [Int]() }
      var kinds: Set<BlockDiffusionPass.Kind> = []
      while true {
        let passes = decoders.indices.compactMap { index in decoders[index].nextPass().map { (index, $0) } }
        if passes.isEmpty { break }
        let rows = batch.compute(passes.flatMap { $1.entries(cache: caches[$0]) }).map(\.lowerBound)
        var entry = 0
        for (index, pass) in passes {
          let logits = batch.logits(rows: pass.logitRows.map { $0 + rows[entry] })
          found[index] += decoders[index].accept(logits, of: pass).committed
          kinds.insert(pass.kind)
          entry += pass.parts.count
        }
      }
      #expect(found == expected)
      #expect(kinds.count == 4)
    }
  }

  @Test func `a committed block holds what computing its tokens anew gives`() throws {
    let model = try model()
    let tokens = try #require(model.tokenizer).encode(Self.prompts[4])
    for options in try options(model) {
      let cache = KeyValueCache(model: model)
      let first = decode(model, decoder(model, tokens, options, count: 90), cache: cache)
      // Goes on behind some of what has been written: with the kept blocks, and from nothing.
      let longer = tokens + first.prefix(first.count - 3)
      let stored = longer.count / 32 * 32
      let kept = decode(model, decoder(model, longer, options, count: 40, computed: stored), cache: cache)
      #expect(kept == decode(model, decoder(model, longer, options, count: 40)))
      #expect(decode(model, decoder(model, longer, options, count: 40), limit: 32) == kept)
    }
  }

  @Test func `pages shared in the middle of a block are not disturbed`() throws {
    let model = try model()
    let tokens = try #require(model.tokenizer).encode(Self.prompts[1])
    let options = try model.blockDiffusionOptions()
    let expected = decode(model, decoder(model, tokens, options))
    var decoder = decoder(model, tokens, options)
    let batch = Batch(model: model), cache = KeyValueCache(model: model)
    var found: [Int] = []
    var held: [([CachePage], [[UInt8]])] = []
    while let pass = decoder.nextPass() {
      held.append((cache.pages, cache.pages.map { $0.bytes }))
      _ = batch.compute(pass.entries(cache: cache))
      found += decoder.accept(batch.logits(rows: pass.logitRows), of: pass).committed
    }
    #expect(found == expected)
    for (pages, bytes) in held { #expect(pages.map { $0.bytes } == bytes) }
  }

  @Test func `causal blocks of one token are autoregressive decoding`() throws {
    let model = try model()
    let tokenizer = try #require(model.tokenizer)
    var options = try model.blockDiffusionOptions()
    options.attention = .causal
    options.blockSize = 1
    options.subBlockSize = 1
    for prompt in Self.prompts {
      var expected: [Int] = []
      try model.makeSession().generate(
        tokenizer.encode(prompt), options: .init(maximumTokens: 40, sampling: .greedy)
      ) { expected.append($0) }
      #expect(decode(model, decoder(model, tokenizer.encode(prompt), options, count: 40)) == expected)
    }
  }

  @Test func `a session generates text in fewer passes, and again the same`() async throws {
    let model = try model()
    let options = GenerationOptions(
      maximumTokens: 60, sampling: .greedy, blockDiffusion: try model.blockDiffusionOptions())
    var texts: [String] = []
    for _ in 0..<2 {
      var text = ""
      for try await piece in model.generate("letters: c", options: options) { text += piece }
      texts.append(text)
    }
    #expect(texts[0].hasPrefix(" d e f g h i j k l m n o p q r s t u v w x y z.\n"))
    #expect(texts[0] == texts[1])
    let tokens = try #require(model.tokenizer).encode("letters: c")
    let summary = try model.makeSession().generate(tokens, options: options) { _ in }
    let passes = try #require(summary.diffusion)
    #expect(summary.passes == passes.total && passes.commit >= 1 && passes.subBlock >= 1)
    #expect(summary.passes < summary.generatedTokens)
    #expect(passes.maskEchoes == 0)
  }
}
