import ArgumentParser
import BitNet
import BitNetDiagnostics
import Foundation

struct DiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Tell whether a model can run as a BitNet, and why; and how its training went.",
    discussion: """
      Measures the weights before and after ternarization, what the model predicts in full precision, with ternary
      weights, and with ternary weights and int8 activations, and how well it predicts an English text; then concludes.
      The codes (BN101 …) are explained in docs/diagnosis.md.

      What a training run left in or near the folder is read too: trainer_state.json, TensorBoard's event files, logs of
      W&B, checkpoints of PyTorch and Lightning (nothing in them is run). A folder with logs only is judged by them.

      Examples:
        bitnet diagnose model.gguf
        bitnet diagnose model.gguf -p "The capital of France is" -p "2 + 2 ="
        bitnet diagnose folder --text sample.txt --json
        bitnet diagnose runs/first
        bitnet diagnose --watch runs/first
      """)

  @Argument(help: "A .gguf file, a Hugging Face folder or the folder of a training run.", completion: .file())
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

  @Flag(name: .long, help: "Follow a training run: one line for each new checkpoint and step, until Ctrl-C.")
  var watch = false

  @Option(name: .long, help: "With --watch: seconds between two looks.")
  var watchInterval = 30.0

  @Flag(name: .long, help: "With --watch: look once and end.")
  var once = false

  func validate() throws {
    guard watchInterval.isFinite, watchInterval > 0 else {
      throw ValidationError("--watch-interval is \(watchInterval), expected more than 0 seconds.")
    }
    guard watch || !once else { throw ValidationError("--once goes with --watch.") }
  }

  func run() throws {
    if watch { return try watchRun() }
    if !holdsModel, let diagnosis = TrainingDiagnosis(of: model) {
      if json {
        try Terminal.writeJSON(diagnosis)
      } else {
        Terminal.write(diagnosis.report(style: Terminal.reportStyle))
      }
      return
    }
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

  /// Whether the path is a file, or a folder as models have it.
  private var holdsModel: Bool {
    var isFolder = ObjCBool(false)
    let exists = FileManager.default.fileExists(atPath: model, isDirectory: &isFolder)
    return !exists || !isFolder.boolValue || FileManager.default.fileExists(atPath: "\(model)/config.json")
  }

  private func watchRun() throws {
    var isFolder = ObjCBool(false)
    guard FileManager.default.fileExists(atPath: model, isDirectory: &isFolder), isFolder.boolValue else {
      throw TextError(path: model, problem: "is no folder; --watch follows the folder of a training run")
    }
    let interruption = Interruption()
    var watcher = RunWatcher(folder: model, threads: threads)
    do {
      while true {
        try watcher.look(isLast: once, isCancelled: { interruption.exitCode != nil }) { news in
          if json { try Terminal.writeJSON(news, isPretty: false) } else { Terminal.write(news.line + "\n") }
        }
        if once { return }
        let next = Date(timeIntervalSinceNow: watchInterval)
        while Date() < next {
          if interruption.exitCode != nil { throw CancellationError() }
          Thread.sleep(forTimeInterval: min(0.1, max(0.001, next.timeIntervalSinceNow)))
        }
      }
    } catch let error as CancellationError {
      throw interruption.exitCode ?? error
    }
  }
}
