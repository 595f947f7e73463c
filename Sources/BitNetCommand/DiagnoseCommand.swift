import ArgumentParser
import BitNet
import BitNetDiagnostics

struct DiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Tell what is wrong with a model, or that nothing is, and why.",
    discussion: """
      Examines the files, the weights before and after ternarization, tokenizer and chat template, what the model predicts
      in full precision, with ternary weights, and with ternary weights and int8 activations, and how well it predicts an
      English text. Where that is badly, it changes one thing at a time and names the one that mends it. The codes (BN101
      …) are explained in docs/diagnosis.md.

      Exit status: 0, whatever was found, unless --fail-on says otherwise; 1 if the model cannot be read or run (the
      report says why) or the command fails; 2 if a finding is as grave as --fail-on says.

      Examples:
        bitnet diagnose model.gguf
        bitnet diagnose model.gguf -p "The capital of France is" -p "2 + 2 ="
        bitnet diagnose folder --text sample.txt --json
        bitnet diagnose converted.gguf --reference source-folder
        bitnet diagnose model.gguf --fail-on warning
      """)

  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var model: String

  @Option(
    name: [.customShort("p"), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "A text whose next token is examined; may be repeated.", discussion: "Default: \"The capital of France is\"."))
  var prompt: [String] = []

  @Option(
    name: .long,
    help: "A file with a text that the loss is measured on, beside the built-in paragraph of plain English.",
    completion: .file())
  var text: String?

  @Option(
    name: .long,
    help: "A model that this one should be the same as, or was made from: finds the first tensor that differs.",
    completion: .file())
  var reference: String?

  @Option(name: .long, help: "Exit with status 2 if a finding is at least this grave: info, warning or error.")
  var failOn: ChoiceArgument<Finding.Severity>?

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
        path: model,
        options: .init(
          prompts: prompt, probeText: probeText, threads: threads,
          reference: reference.map(Checkpoint.init(path:))), progress: Terminal.progress,
        isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      if json {
        try Terminal.writeJSON(diagnosis)
      } else {
        Terminal.write(diagnosis.report(isVerbose: verbose, style: Terminal.reportStyle))
      }
      if let problem = diagnosis.problems.first {
        Terminal.note("Error: \(problem.sentence)")
        throw ExitCode.failure
      }
      if let failOn, diagnosis.severity >= failOn.choice { throw ExitCode(2) }
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}
