import ArgumentParser
import BitNet
import Foundation
import Synchronization
import Tokenization

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Continue a text.",
    discussion: """
      The continuation goes to standard output as it is generated. Ctrl-C ends it.

      Examples:
        bitnet run model.gguf -p "The capital of France is" -n 30 --temp 0
        bitnet run model.gguf -p "Once upon a time" --mode bitlinear --seed 1
        cat prompt.txt | bitnet run model.gguf -n 100
        bitnet run model.gguf -p "A person: " --json-schema person.json
        bitnet run Tests/Golden/diffusion/tiny-lists -p "days: monday" --temp 0 --decode-mode adaptive -v
      """)

  @OptionGroup var model: ModelArguments

  @Option(name: [.customShort("p"), .long], parsing: .unconditional, help: "The text to continue.")
  var prompt: String?

  @Option(name: [.customShort("f"), .long], help: "A file with the text to continue.", completion: .file())
  var file: String?

  @OptionGroup(title: "Generation") var sampling: SamplingArguments

  @OptionGroup(title: "Structured output") var constraint: ConstraintArguments

  @OptionGroup(title: "Block diffusion") var diffusion: DiffusionArguments

  @Flag(name: .customLong("special"), help: "Read text such as <|im_start|> in the prompt as special tokens.")
  var parsesSpecialTokens = false

  @Flag(name: [.customShort("v"), .long], help: "Report tokens and speed on standard error.")
  var verbose = false

  @Flag(name: .long, help: "Print one JSON object when done, instead of the text as it comes.")
  var json = false

  func validate() throws {
    if prompt != nil, file != nil { throw ValidationError("Give either --prompt or --file, not both.") }
    if prompt == nil, file == nil, Terminal.standardInputIsTerminal {
      throw ValidationError("There is nothing to continue: give a text with --prompt, or pipe one in.")
    }
    try diffusion.validate(with: sampling)
    if diffusion.decodeMode != .autoregressive, constraint.jsonObject || constraint.jsonSchema != nil {
      throw ValidationError("Block diffusion cannot be constrained: use --decode-mode autoregressive.")
    }
  }

  func run() async throws {
    let prompt = try promptText()
    let model = try model.load()
    let summary = Mutex<GenerationSummary?>(nil)
    let text = Mutex("")
    var options = sampling.options(parsesSpecialTokens: parsesSpecialTokens)
    options.blockDiffusion = try diffusion.options(for: model)
    options.constraint = try constraint.constraint(for: model)
    let chosen = options
    let generation = Task {
      for try await piece in model.generate(
        prompt, options: chosen, onFinish: { done in summary.withLock { $0 = done } })
      {
        if json { text.withLock { $0 += piece } } else { Terminal.write(said: piece) }
      }
    }
    let interruption = Interruption { _ in generation.cancel() }
    try await generation.value
    if json {
      try Terminal.writeJSON(
        RunResult(
          model: self.model.model, mode: model.mode, decodeMode: diffusion.decodeMode, prompt: prompt,
          text: text.withLock { $0 },
          summary: summary.withLock { $0 }))
    } else {
      Terminal.write("\n")
    }
    if verbose, let summary = summary.withLock({ $0 }) { Terminal.note(summary.line(mode: model.mode)) }
    if let exitCode = interruption.exitCode { throw exitCode }
  }

  private func promptText() throws -> String {
    if let prompt {
      // Arguments arrive repaired; only the repair shows that they were not UTF-8.
      if prompt.unicodeScalars.contains("\u{FFFD}") {
        Terminal.note("note: the prompt holds U+FFFD: it was not UTF-8, or had been damaged before")
      }
      return prompt
    }
    let text = try file.map(readText) ?? Terminal.readAll()
    // Editors and echo end a file with a newline that nobody means; llama-cli drops it too.
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}

private struct RunResult: Encodable {
  var model: String
  var mode: QuantizationMode
  var decodeMode: DecodeModeArgument
  var prompt: String
  var text: String
  var promptTokens: Int?
  var generatedTokens: Int?
  var promptTokensPerSecond: Double?
  var tokensPerSecond: Double?
  /// Passes over the weights after the prompt's.
  var passes: Int?
  var tokensPerPass: Double?
  /// The passes by kind.
  var diffusion: BlockDiffusionPasses?
  /// `endToken`, `maximumTokens`, `contextFull`, `complete`, or `interrupted`.
  var finishReason: String

  init(
    model: String, mode: QuantizationMode, decodeMode: DecodeModeArgument, prompt: String, text: String,
    summary: GenerationSummary?
  ) {
    self.model = model
    self.mode = mode
    self.decodeMode = decodeMode
    self.prompt = prompt
    self.text = text
    promptTokens = summary?.promptTokens
    generatedTokens = summary?.generatedTokens
    promptTokensPerSecond = summary?.promptTokensPerSecond
    tokensPerSecond = summary?.tokensPerSecond
    passes = summary?.passes
    tokensPerPass = summary?.tokensPerPass
    diffusion = summary?.diffusion
    finishReason = summary?.finishReason.rawValue ?? "interrupted"
  }
}

extension GenerationSummary {
  /// `nil` where the prompt had no pass of its own.
  var promptTokensPerSecond: Double? {
    promptSeconds > 0 ? Double(promptTokens - cachedTokens) / promptSeconds : nil
  }
  var tokensPerSecond: Double { Double(generatedTokens) / max(generationSeconds, 1e-9) }
  /// `nil` where there was no pass: the prompt's own gave the only token.
  var tokensPerPass: Double? { passes == 0 ? nil : Double(generatedTokens) / Double(passes) }

  func line(mode: QuantizationMode) -> String {
    func rounded(_ value: Double) -> String { String(format: "%.1f", value) }
    return "mode \(mode.rawValue); prompt \(promptTokens) tokens (\(cachedTokens) cached), "
      + "\(promptTokensPerSecond.map { rounded($0) + " tokens/s" } ?? "computed with the first block"); generated \(generatedTokens) tokens in \(passes) passes, "
      + "\(rounded(tokensPerSecond)) tokens/s; stopped: \(finishReason.rawValue)" + (diffusion.map(line) ?? "")
  }
  private func line(_ passes: BlockDiffusionPasses) -> String {
    func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
    let echoes = Double(passes.maskEchoes) / Double(max(1, passes.predictions))
    return "\n\(passes.full) whole-block, \(passes.subBlock) sub-block and \(passes.commit) commit passes, "
      + "\(rounded(tokensPerPass ?? 0)) tokens per pass"
      + (echoes > 0.01
        ? "; the mask token was the likeliest in \(rounded(echoes * 100)) % of the predictions, which a model trained "
          + "with it does not say: is it the right one?" : "")
  }
}
