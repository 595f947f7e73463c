import BitNet
import Testing

@Suite struct SamplerTests {
  private let logits = TokenLogit.all([1, 3, 2.5, 0])

  private func next(_ sampling: Sampling, after sequence: [Int], promptCount: Int = 0) -> Int {
    var sampler = Sampler(sampling, promptCount: promptCount)
    return sampler.next(logits, recent: sequence)
  }

  @Test func `a bias is added, and minus infinity bans`() {
    #expect(next(.greedy, after: []) == 1)
    #expect(next(Sampling(temperature: 0, logitBias: [3: 3.5]), after: []) == 3)
    #expect(next(Sampling(temperature: 0, logitBias: [1: -.infinity]), after: []) == 2)
  }

  @Test func `the presence penalty is the same however often a token came`() {
    let sampling = Sampling(temperature: 0, presencePenalty: 0.4)
    #expect(next(sampling, after: [1, 1, 1]) == 1)
    #expect(next(Sampling(temperature: 0, presencePenalty: 0.6), after: [1]) == 2)
  }

  @Test func `the frequency penalty grows with each time`() {
    let sampling = Sampling(temperature: 0, frequencyPenalty: 0.3)
    #expect(next(sampling, after: [1]) == 1)
    #expect(next(sampling, after: [1, 1]) == 2)
  }

  @Test func `the prompt does not count for frequency and presence`() {
    let sampling = Sampling(temperature: 0, frequencyPenalty: 2, presencePenalty: 2)
    #expect(next(sampling, after: [1, 1], promptCount: 2) == 1)
    #expect(next(sampling, after: [1, 1], promptCount: 1) == 2)
  }

  @Test func `only allowed tokens are drawn`() {
    var sampler = Sampler(Sampling(temperature: 5, topK: 0, topP: 1, minP: 0, seed: 3))
    let drawn = Set((0..<200).map { _ in sampler.next(logits, recent: [], isAllowed: { $0 == 0 || $0 == 3 }) })
    #expect(drawn == [0, 3])
  }
}
