import BitNet
import Foundation
import TestSupport
import Testing

/// Guessing tokens from n-grams changes how often the weights are read, and nothing else.
@Suite struct GuessingTests {
  private func generate(
    _ model: Model, _ prompt: [Int], sampling: Sampling, guesses: Bool, count: Int
  ) throws -> ([Int], GenerationSummary) {
    var tokens: [Int] = []
    let summary = try model.makeSession().generate(
      prompt,
      options: .init(
        maximumTokens: count, sampling: sampling, stopsAtEnd: false, guessesFromNGrams: guesses)
    ) { tokens.append($0) }
    return (tokens, summary)
  }

  private static let samplings = [
    Sampling.greedy, Sampling(temperature: 0.7, seed: 1),
    Sampling(temperature: 1.5, topK: 0, topP: 1, minP: 0, seed: 2),
    Sampling(temperature: 0, repetitionPenalty: 1.3), Sampling(temperature: 0.2, topK: 5, seed: 3),
  ]

  @Test(arguments: GoldenModel.names) func `guessing changes no token`(name: String) throws {
    let golden = try GoldenModel.load(name)
    let model = try Model(contentsOf: URL(filePath: GoldenModel.path(name)), options: .init(threads: 2))
    // A prompt that repeats itself, so that there is something to guess from.
    let phrase = Array(golden.prompts[3].prefix(6))
    for sampling in Self.samplings {
      let prompt = phrase + phrase + phrase
      let plain = try generate(model, prompt, sampling: sampling, guesses: false, count: 60)
      let guessed = try generate(model, prompt, sampling: sampling, guesses: true, count: 60)
      #expect(guessed.0 == plain.0, "\(sampling)")
      #expect(plain.1.passes == 59)
      #expect(guessed.1.passes <= plain.1.passes)
      #expect(guessed.1.generatedTokens == 60)
    }
  }

  @Test func `a text that repeats itself takes fewer passes`() throws {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/tiny-bitnet")), options: .init(threads: 1))
    // Greedy text of a tiny model runs in circles soon.
    let plain = try generate(model, [5, 6, 7], sampling: .greedy, guesses: false, count: 100)
    let guessed = try generate(model, [5, 6, 7], sampling: .greedy, guesses: true, count: 100)
    #expect(guessed.0 == plain.0)
    #expect(guessed.1.passes < 70, "\(guessed.1.passes) passes for 100 tokens")
  }

  @Test func `guesses stop at the end of the context`() throws {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/tiny-bitnet")),
      options: .init(threads: 1, contextLength: 40))
    let prompt = Array(repeating: [9, 10, 11], count: 12).flatMap(\.self)
    for sampling in [Sampling.greedy, Sampling(temperature: 1, seed: 4)] {
      let plain = try generate(model, prompt, sampling: sampling, guesses: false, count: 50)
      let guessed = try generate(model, prompt, sampling: sampling, guesses: true, count: 50)
      #expect(guessed.0 == plain.0)
      #expect(guessed.1.finishReason == .contextFull && plain.1.finishReason == .contextFull)
    }
  }
}
