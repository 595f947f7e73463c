import ArgumentParser
import BitNet
import BitNetDiagnostics

struct DiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Tell whether a model can run as a BitNet, and why.",
    discussion: """
      Measures the weights before and after ternarization, what the model predicts in full precision, with ternary
      weights, and with ternary weights and int8 activations, and how well it predicts an English text; then concludes.
      The codes (BN101 …) are explained in docs/diagnosis.md.

      Examples:
        bitnet diagnose model.gguf
        bitnet diagnose model.gguf -p "The capital of France is" -p "2 + 2 ="
        bitnet diagnose folder --text sample.txt --json
      """)

  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var model: String

  @Option(
    name: [.customShort("p"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A text whose next token is examined; may be repeated.", discussion: "Default: \"The capital of France is\"."))
  var prompt: [String] = []

  @Option(
    name: .long, help: "A file with the text that the loss is measured on (default: a paragraph of plain English).",
    completion: .file())
  var text: String?

  @Option(
    name: [.customShort("t"), .long], parsing: .unconditional, help: "The number of threads (default: all processors).")
  var threads: Int?

  @Flag(name: [.customShort("v"), .long], help: "Every linear layer and the hidden state after every block.")
  var verbose = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let probeText = try text.map(readText)
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    do {
      let diagnosis = try Diagnosis(
        of: Checkpoint(path: model),
        options: .init(prompts: prompt, probeText: probeText, threads: threads), progress: Terminal.progress,
        isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      if json {
        try Terminal.writeJSON(diagnosis)
      } else {
        Terminal.write(diagnosis.report(isVerbose: verbose, style: Terminal.reportStyle))
      }
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}
