import ArgumentParser
import BitNet
import BitNetDiagnostics

struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Write a model's logits as a NumPy array.",
    discussion: """
      The array is float32 [positions, vocabulary]; row i holds the logits of the token after token i. Read it with
      numpy.load, or compare it with `bitnet compare MODEL --logits FILE`.

      Examples:
        bitnet logits model.gguf -p "The capital of France is" -o logits.npy
        bitnet logits folder --tokens 1,2,3 --mode weight-only -o logits.npy
        bitnet logits model.gguf --file text.txt --last -o last.npy --tokens-out tokens.txt
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var text: TextArguments

  @Option(name: [.customShort("o"), .long], help: "The .npy file to write.", completion: .file(extensions: ["npy"]))
  var output: String

  @Option(name: .long, help: "A file to write the token ids to, one line with commas, as --tokens takes them.")
  var tokensOut: String?

  @Flag(name: .long, help: "The last position only.")
  var last = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard text.prompt.count <= 1 else { throw ValidationError("Give one --prompt.") }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    let prompt = try text.prompts().first
    do {
      let dump = try LogitsDump(
        of: model.load(cachePrecision: .f32), prompt: prompt, tokens: text.tokens?.ids, lastOnly: last, to: output,
        progress: Terminal.progress, isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      if let tokensOut { try writeText(dump.tokens.map(String.init).joined(separator: ",") + "\n", to: tokensOut) }
      if json { try Terminal.writeJSON(dump) } else { Terminal.write(dump.report()) }
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}
