import BitNet
import BitNetServer
import Foundation
import TestSupport
import Testing

/// The engine against single sessions: what a sequence gets must not depend on what else is going on.
@Suite struct BatchEngineTests {
  private static let page = Batch.pagePositions

  private func model(contextLength: Int = 400) throws -> Model {
    try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/tiny-bitnet")),
      options: .init(threads: 2, contextLength: contextLength, cachePrecision: .f16))
  }

  private func prompt(_ seed: UInt64, _ count: Int, _ model: Model) -> [Int] {
    var random = SplitMix(seed: seed)
    return (0..<count).map { _ in Int.random(in: 0..<model.configuration.vocabularySize, using: &random) }
  }

  private func alone(_ model: Model, _ prompt: [Int], _ sampling: Sampling, count: Int) throws -> [Int] {
    var tokens: [Int] = []
    try model.makeSession().generate(
      prompt, options: GenerationOptions(maximumTokens: count, sampling: sampling, stopsAtEnd: false)
    ) { tokens.append($0) }
    return tokens
  }

  struct Answer {
    var tokens: [Int] = []
    var promptLogprobs: [Float?] = []
    var logprobs: [Float?] = []
    var end: SequenceEnd?
    var usage: SequenceUsage?
  }

  private func answer(_ engine: BatchEngine, _ request: SequenceRequest) async throws -> Answer {
    var answer = Answer()
    for try await event in try engine.submit(request) {
      switch event {
      case .started, .provisional: break
      case .promptLogprobs(let tokens): answer.promptLogprobs = tokens.map(\.logprob)
      case .token(let token):
        answer.tokens.append(token.id)
        answer.logprobs.append(token.logprob)
      case .finished(let end, let usage):
        answer.end = end
        answer.usage = usage
      }
    }
    return answer
  }

  private func request(_ prompt: [Int], _ sampling: Sampling, count: Int) -> SequenceRequest {
    var request = SequenceRequest(prompt: prompt, sampling: sampling)
    request.maximumTokens = count
    return request
  }

  @Test(arguments: [nil, 9]) func `sequences that come and go get what each gets alone`(pages: Int?) async throws {
    let model = try model()
    var options = BatchEngine.Options()
    options.maximumSequences = 6
    options.promptTokensPerStep = 7
    // Of nine pages a single sequence may need seven: most have to retreat now and then.
    options.cacheBytes = pages.map { $0 * Batch.pageBytes(of: model) }
    let engine = try BatchEngine(model: model, options: options)
    let samplings: [Sampling] = [
      .greedy, Sampling(temperature: 1, topK: 0, topP: 1, minP: 0, seed: 5), Sampling(temperature: 0.8, seed: 6),
    ]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<24 {
        group.addTask {
          let prompt = prompt(UInt64(index % 5), 3 + 17 * (index % 9), model)
          let sampling = samplings[index % 3]
          let answer = try await answer(engine, request(prompt, sampling, count: 40 + index))
          #expect(try alone(model, prompt, sampling, count: 40 + index) == answer.tokens, "sequence \(index)")
          #expect(answer.usage?.generatedTokens == 40 + index && answer.usage?.promptTokens == prompt.count)
          guard case .length = answer.end else {
            Issue.record("sequence \(index) ended with \(String(describing: answer.end))")
            return
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(engine.status.running == 0 && engine.status.waiting == 0)
    #expect(engine.status.passesByBatchSize.keys.max() ?? 0 > 1)
  }

  @Test func `a sequence begins when there is memory for its prompt`() async throws {
    let model = try model()
    var options = BatchEngine.Options()
    options.maximumSequences = 8
    // Memory for two of the eight at a time; with more of them, each would take it from the others.
    options.cacheBytes = 8 * Batch.pageBytes(of: model)
    let engine = try BatchEngine(model: model, options: options)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<8 {
        group.addTask {
          let prompt = prompt(UInt64(20 + index), 2 * Self.page + 10, model)
          let answer = try await answer(engine, request(prompt, .greedy, count: 12))
          #expect(try alone(model, prompt, .greedy, count: 12) == answer.tokens, "sequence \(index)")
        }
      }
      try await group.waitForAll()
    }
    #expect(engine.status.retreats == 0)
  }

  @Test func `a whole context fits the least memory, whatever was computed before`() async throws {
    let model = try model(contextLength: 4 * Self.page)
    var options = BatchEngine.Options()
    options.cacheBytes = 4 * Batch.pageBytes(of: model)
    let engine = try BatchEngine(model: model, options: options)
    for seed in 1...3 {
      let prompt = prompt(UInt64(seed), 4 * Self.page, model)
      let answers = try await [
        answer(engine, request(prompt, .greedy, count: 5)), answer(engine, request(prompt, .greedy, count: 5)),
      ]
      #expect(answers.map(\.tokens.count) == [1, 1], "the context is full")
      #expect(answers[1].usage?.cachedPromptTokens == 3 * Self.page)
    }
    options.cacheBytes = 4 * Batch.pageBytes(of: model) - 1
    #expect(throws: ModelError.self) { try BatchEngine(model: model, options: options) }
  }

  @Test func `a beginning that was computed before is not computed again`() async throws {
    let model = try model()
    let engine = try BatchEngine(model: model)
    let prompt = prompt(1, 3 * Self.page + 5, model)
    let first = try await answer(engine, request(prompt, .greedy, count: 10))
    let second = try await answer(engine, request(prompt, .greedy, count: 10))
    #expect(first.tokens == second.tokens)
    #expect(first.usage?.cachedPromptTokens == 0)
    #expect(second.usage?.cachedPromptTokens == 3 * Self.page)
  }

  @Test(arguments: [0, 3]) func `the prompt's probabilities are those of its tokens`(count: Int) async throws {
    let model = try model()
    let engine = try BatchEngine(model: model)
    let prompt = prompt(2, 90, model)
    for _ in 0..<2 {
      var wanted = request(prompt, .greedy, count: count)
      wanted.wantsPromptLogprobs = true
      wanted.topLogprobs = 0
      let answer = try await answer(engine, wanted)
      #expect(answer.tokens.count == count)
      #expect(answer.promptLogprobs.count == prompt.count && answer.promptLogprobs[0] == nil)
      let session = model.makeSession()
      for position in [1, 40, 89] {
        let logits = try session.logits(after: Array(prompt[..<position]))
        let total = logits.reduce(0.0) { $0 + exp(Double($1)) }
        let expected = Double(logits[prompt[position]]) - log(total)
        #expect(abs(Double(answer.promptLogprobs[position] ?? 0) - expected) < 1e-4)
      }
    }
  }

  @Test func `a sequence that nobody reads makes room at once`() async throws {
    let model = try model()
    let engine = try BatchEngine(model: model)
    do {
      let iterator = try engine.submit(request(prompt(3, 5, model), .greedy, count: 390)).makeAsyncIterator()
      _ = try await iterator.next()
      #expect(engine.status.running == 1)
    }
    let next = try await answer(engine, request(prompt(4, 5, model), .greedy, count: 2))
    #expect(next.tokens.count == 2)
    while engine.status.running > 0 { try await Task.sleep(for: .milliseconds(1)) }
  }

  @Test func `deadlines, stop tokens and full contexts end a sequence`() async throws {
    let model = try model(contextLength: 40)
    let engine = try BatchEngine(model: model)
    let prompt = prompt(5, 10, model)
    var late = request(prompt, .greedy, count: 20)
    late.deadline = .now
    guard case .deadline = try await answer(engine, late).end else {
      Issue.record("the deadline passed")
      return
    }
    let tokens = try alone(model, prompt, .greedy, count: 20)
    var stopping = request(prompt, .greedy, count: 20)
    stopping.stopTokens = [tokens[3]]
    let stopped = try await answer(engine, stopping)
    #expect(stopped.tokens.last == tokens[3] && stopped.tokens.count == (tokens.firstIndex(of: tokens[3]) ?? 0) + 1)
    let full = try await answer(engine, SequenceRequest(prompt: prompt, sampling: .greedy))
    #expect(full.tokens.count == 31, "thirty fit, and one more is generated and never read")
  }

  @Test func `prompts that cannot be computed are refused, and hurt nobody`() async throws {
    let model = try model(contextLength: 40)
    let engine = try BatchEngine(model: model)
    for bad in [[], [1_000_000], Array(repeating: 1, count: 41)] {
      await #expect(throws: ModelError.self) { try await answer(engine, request(bad, .greedy, count: 1)) }
    }
    #expect(try await answer(engine, request([1, 2], .greedy, count: 3)).tokens.count == 3)
    var options = BatchEngine.Options()
    options.cacheBytes = 1
    #expect(throws: ModelError.self) { try BatchEngine(model: model, options: options) }
  }

  @Test func `a full queue refuses`() async throws {
    let model = try model()
    var options = BatchEngine.Options()
    options.maximumSequences = 1
    options.queueCapacity = 2
    let engine = try BatchEngine(model: model, options: options)
    let first = try engine.submit(request(prompt(6, 5, model), .greedy, count: 390))
    let iterator = first.makeAsyncIterator()
    _ = try await iterator.next()
    let second = try engine.submit(request(prompt(7, 5, model), .greedy, count: 1))
    let third = try engine.submit(request(prompt(8, 5, model), .greedy, count: 1))
    #expect(throws: EngineRefusal.self) { try engine.submit(request([1], .greedy, count: 1)) }
    withExtendedLifetime((second, third)) {}
  }

  @Test func `clients take turns`() {
    var queue = FairQueue<Int>()
    for number in 1...3 { queue.append(number, client: "a") }
    queue.append(10, client: "b")
    queue.append(20, client: "c")
    #expect(queue.count == 5)
    #expect(queue.removeAll { $0 == 20 } == [20])
    #expect((0..<4).map { _ in queue.popFirst() } == [1, 10, 2, 3])
    #expect(queue.popFirst() == nil && queue.count == 0)
  }

  @Test(arguments: BlockDiffusionOptions.Mode.allCases)
  func `block diffusion among others writes what it writes alone`(mode: BlockDiffusionOptions.Mode) async throws {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("diffusion/tiny-lists")), options: .init(threads: 2))
    var diffusion = try model.blockDiffusionOptions()
    diffusion.mode = mode
    var options = BatchEngine.Options()
    options.maximumSequences = 4
    options.promptTokensPerStep = 5
    options.diffusion = diffusion
    options.cacheBytes = 9 * Batch.pageBytes(of: model)
    let engine = try BatchEngine(model: model, options: options)
    let length = min(60, model.contextLength / 2)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<12 {
        group.addTask { [diffusion] in
          let prompt = prompt(UInt64(index % 3), 3 + length / 12 * index, model)
          var wanted = request(prompt, .greedy, count: 30)
          var expected: [Int] = []
          if index.isMultiple(of: 3) {
            expected = try alone(model, prompt, .greedy, count: 30)
          } else {
            wanted.diffusion = diffusion
            var generation = GenerationOptions(maximumTokens: 30, sampling: .greedy, stopsAtEnd: false)
            generation.blockDiffusion = diffusion
            try model.makeSession().generate(prompt, options: generation) { expected.append($0) }
          }
          let answer = try await answer(engine, wanted)
          #expect(answer.tokens == expected, "sequence \(index)")
        }
      }
      try await group.waitForAll()
    }
  }
}
