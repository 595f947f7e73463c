import ArgumentParser
import BitNet
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats

struct DiagnoseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Tell what is wrong with a model or its training, or that nothing is, and why.",
    discussion: """
      Examines the files, the weights before and after ternarization, tokenizer and chat template, what the model predicts
      in full precision, with ternary weights, and with ternary weights and int8 activations, and how well it predicts an
      English text. Where that is badly, it changes one thing at a time and names the one that mends it. The codes (BN101
      …) are explained in docs/diagnosis.md.

      Exit status: 0, whatever was found, unless --fail-on says otherwise; 1 if the model cannot be read or run (the
      report says why) or the command fails; 2 if a finding is as grave as --fail-on says.

      What a training run left in or near the folder is read too: trainer_state.json, TensorBoard's event files, logs of
      W&B, checkpoints of PyTorch and Lightning (nothing in them is run). A folder with logs only is judged by them.

      Examples:
        bitnet diagnose model.gguf
        bitnet diagnose model.gguf -p "The capital of France is" -p "2 + 2 ="
        bitnet diagnose folder --text sample.txt --json
        bitnet diagnose model.gguf --html report.html
        bitnet diagnose converted.gguf --reference source-folder
        bitnet diagnose model.gguf --fail-on warning
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

  @Option(
    name: .long,
    help: "Write the report to this file, too: one HTML page with charts and tables that needs nothing but itself.",
    completion: .file())
  var html: String?

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
    guard !watch || html == nil else { throw ValidationError("--html does not go with --watch.") }
    guard watch || !once else { throw ValidationError("--once goes with --watch.") }
  }

  func run() throws {
    if watch { return try watchRun() }
    let page = try html.map(newPage)
    if !holdsModel, let diagnosis = TrainingDiagnosis(of: model) {
      try page?.finish(text: diagnosis.page(tool: DiagnoseCommand.tool, time: Date.now.formatted(.iso8601)))
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
        path: model,
        options: .init(
          prompts: prompt, probeText: probeText, threads: threads,
          reference: reference.map(Checkpoint.init(path:)), digestsFiles: html != nil), progress: Terminal.progress,
        isCancelled: { interruption.exitCode != nil })
      Terminal.endProgress()
      try page?.finish(text: diagnosis.page(tool: DiagnoseCommand.tool, time: Date.now.formatted(.iso8601)))
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

  private static let tool = "bitnet \(BitNetCommand.configuration.version)"

  /// Begins the page, so that a folder that cannot be written to is known before minutes of work. Nothing but another page is
  /// overwritten: not the model, where the file's name was forgotten.
  private func newPage(_ path: String) throws -> NewFile {
    let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    let isPage = ["html", "htm"].contains(URL(filePath: path).pathExtension.lowercased())
    guard kind == nil || (kind == .typeRegular && isPage) else {
      throw TextError(path: path, problem: "exists and is no .html file; --html would overwrite it")
    }
    return try NewFile(path: path)
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

extension NewFile {
  /// Writes a text as the whole file.
  fileprivate func finish(text: String) throws(FormatError) {
    let bytes = SharedBytes(copying: Array(text.utf8))
    try write(bytes, at: 0)
    try finish(count: bytes.count)
  }
}
