import ArgumentParser
import BitNet
import BitNetDiagnostics
import Foundation

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Tell whether two models are the same, and if not, where they part.",
    discussion: """
      Sets configurations, tokenizers, tensors (matched by their role, whatever the files call them), hidden states and \
      logits side by side. B may also be logits that another program dumped, or a server.

      Exits with 0 for the same model, 1 for different ones, 2 if they could not be compared.

      Examples:
        bitnet compare checkpoint-folder model.gguf
        bitnet compare a.gguf b.gguf --file sample.txt --mode bitlinear --verbose
        bitnet compare model.gguf --logits theirs.npy -p "The capital of France is"
        bitnet compare model.gguf --server http://localhost:8080 --json
      """)

  @Argument(help: "A .gguf file or a Hugging Face folder.", completion: .file())
  var a: String

  @Argument(help: "The other one.", completion: .file())
  var b: String?

  @Option(name: .long, help: "Instead of B: a .npy file with logits [positions, vocabulary].", completion: .file())
  var logits: String?

  @Option(name: .long, help: "Instead of B: an OpenAI-compatible server with log-probabilities, http://host:port.")
  var server: String?

  @Option(name: .customLong("model"), help: "The name of the server's model (default: its own choice).")
  var serverModel: String?

  @Option(name: .long, help: "A file that holds the server's API key.", completion: .file())
  var apiKeyFile: String?

  @OptionGroup var text: TextArguments

  @Option(name: .long, help: "The arithmetic of both: none, weight-only or bitlinear (default: what each declares).")
  var mode: ModeArgument?

  @Option(
    name: .long, help: "The relative difference that counts as none (default: what storage explains; logits 0.05).")
  var tolerance: Double?

  @Option(
    name: [.customShort("t"), .long], parsing: .unconditional, help: "The number of threads (default: all processors).")
  var threads: Int?

  @Flag(name: [.customShort("v"), .long], help: "Every setting, tensor, layer and position.")
  var verbose = false

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func validate() throws {
    guard [b, logits, server].count(where: { $0 != nil }) == 1 else {
      throw ValidationError("Give a second model, --logits or --server, one of them.")
    }
    guard server != nil || (serverModel == nil && apiKeyFile == nil) else {
      throw ValidationError("--model and --api-key-file go with --server.")
    }
    guard b != nil || text.prompt.count <= 1 else {
      throw ValidationError("Give one --prompt with --logits or --server.")
    }
    guard tolerance.map({ $0 >= 0 }) ?? true else { throw ValidationError("--tolerance is 0 or more.") }
  }

  func run() throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    let comparison: Comparison
    do {
      comparison = try compare(isCancelled: { interruption.exitCode != nil })
    } catch {
      Terminal.endProgress()
      if let exitCode = interruption.exitCode { throw exitCode }
      // 1 says that they differ, as with cmp and diff.
      Terminal.note("Error: \(error)")
      throw ExitCode(2)
    }
    Terminal.endProgress()
    if json {
      try Terminal.writeJSON(comparison)
    } else {
      Terminal.write(comparison.report(isVerbose: verbose, style: Terminal.reportStyle))
    }
    if !comparison.isSame { throw ExitCode.failure }
  }

  private func compare(isCancelled: @escaping () -> Bool) throws -> Comparison {
    let options = Comparison.Options(
      prompts: try text.prompts(), tokens: text.tokens?.ids, mode: mode?.mode, tolerance: tolerance, threads: threads)
    let checkpoint = try Checkpoint(path: a)
    if let b {
      return try Comparison(
        of: checkpoint, with: Checkpoint(path: b), options: options, progress: Terminal.progress,
        isCancelled: isCancelled)
    }
    if let logits {
      return try Comparison(
        of: checkpoint, withLogits: logits, options: options, progress: Terminal.progress, isCancelled: isCancelled)
    }
    let client = try CompletionClient(address: server ?? "", apiKeyFile: apiKeyFile)
    return try Comparison(
      of: checkpoint, withServer: client.endpoint, model: serverModel, options: options, progress: Terminal.progress,
      isCancelled: isCancelled, post: { try client.post($0, isCancelled: isCancelled) })
  }
}
