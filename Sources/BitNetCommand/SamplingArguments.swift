import ArgumentParser
import BitNet

/// How text is generated; named as in llama-cli where they mean the same.
struct SamplingArguments: ParsableArguments {
  @Option(
    name: [.customShort("n"), .customLong("predict"), .customLong("n-predict")], parsing: .unconditional,
    help: "The most tokens to generate; -1 goes on until the model ends.")
  var predict: Int = -1

  @Option(
    name: .customLong("temp"), parsing: .unconditional, help: "The temperature; 0 always takes the likeliest token.")
  var temperature: Float = 0.8

  @Option(name: .long, parsing: .unconditional, help: "Keep the k likeliest tokens; 0 keeps all.")
  var topK: Int = 40

  @Option(name: .long, parsing: .unconditional, help: "Keep the likeliest tokens up to this probability in sum.")
  var topP: Float = 0.95

  @Option(name: .long, parsing: .unconditional, help: "Drop tokens less likely than this times the likeliest.")
  var minP: Float = 0.05

  @Option(name: .long, parsing: .unconditional, help: "Penalize recent tokens; 1 is off.")
  var repeatPenalty: Float = 1

  @Option(name: .long, parsing: .unconditional, help: "How many recent tokens the penalty looks at.")
  var repeatLastN: Int = 64

  @Option(name: [.customShort("s"), .long], parsing: .unconditional, help: "Make sampling repeatable.")
  var seed: UInt64?

  @Option(
    name: .long, help: "Guess tokens and check several in one pass, with the same output: ngram, from the text so far.")
  var speculate: Speculation?

  @Flag(name: .long, help: "Go on past the model's end tokens.")
  var ignoreEos = false

  func validate() throws {
    guard predict >= -1 else { throw ValidationError("-n is \(predict), expected -1 (no limit) or more.") }
  }

  func options(parsesSpecialTokens: Bool = false) -> GenerationOptions {
    GenerationOptions(
      maximumTokens: predict < 0 ? nil : predict,
      sampling: Sampling(
        temperature: temperature, topK: topK, topP: topP, minP: minP, repetitionPenalty: repeatPenalty,
        repetitionWindow: repeatLastN, seed: seed),
      stopsAtEnd: !ignoreEos, parsesSpecialTokens: parsesSpecialTokens,
      guessesFromNGrams: speculate == .ngram)
  }
}

/// Where guesses come from.
enum Speculation: String, ExpressibleByArgument, CaseIterable {
  case ngram
}
