#if Training
import ArgumentParser
import BitNetTraining
import Foundation
import TrainingKernels

struct TrainRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Train a model as a configuration says.",
    usage: "bitnet train <config> [<key=value> ...] [<options>]\nbitnet train plot <run> -o <file.svg>",
    discussion: """
      The configuration is a YAML file; KEY=VALUE changes a setting of it. Checkpoints, which are Hugging Face folders
      that `bitnet run` and `bitnet convert` take, the log and TensorBoard's events go to run.output_dir.

      Ctrl-C or SIGTERM ends the step at hand, saves, and exits; a second one exits at once. --resume goes on to the bit.
      `mpirun -n 2 bitnet train …` shares every batch among processes, in builds with the trait MPI.

      Examples:
        bitnet train configs/model.yaml
        bitnet train configs/model.yaml optimizer.lr=1e-3 max_steps=100 --dry-run
        bitnet train configs/model.yaml --resume
        bitnet train configs/model.yaml --resume step-000400 --json
        bitnet train plot runs/model -o loss.svg
      """,
    helpNames: .shortAndLong)

  @Argument(help: "A YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var config: String

  @Argument(help: ArgumentHelp("Settings that replace the file's: optimizer.lr=1e-3.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(
    name: .long, defaultAsFlag: "latest",
    help: "Go on from a checkpoint: latest, a step's number, or a folder.", completion: .directory)
  var resume: String?

  @Flag(name: .long, help: "Go on although settings differ from those that the checkpoint was trained with.")
  var allowChangedConfig = false

  @Flag(name: .long, help: "Print all settings and where they come from, and exit.")
  var printConfig = false

  @Option(
    name: .long, help: "Save after this step and exit; --resume goes on. 0 saves the model that training begins with.")
  var stopAfter: Int?

  @Flag(name: .long, help: "Prepare everything, print the plan, and exit before the first step.")
  var dryRun = false

  @Option(
    name: [.customShort("t"), .long], parsing: .unconditional,
    help: "The number of threads (default: all processors; one where processes share the machine).")
  var threads: Int?

  @Flag(name: .long, help: "Print one JSON object when done; what goes on is told on standard error.")
  var json = false

  func validate() throws {
    if let stopAfter, stopAfter < 0 { throw ValidationError("--stop-after takes a step, 0 or more.") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes 1 to 1024.") }
  }

  func run() throws {
    let configuration = try TrainingConfiguration.load(path: config, overrides: overrides)
    if printConfig { return Terminal.write(configuration.printed()) }
    let communicator = TrainRunCommand.communicator()
    do {
      try train(configuration, communicator: communicator)
    } catch let code as ExitCode {
      throw code
    } catch {
      // The others wait for this one's share.
      if communicator.size > 1 {
        Terminal.note("rank \(communicator.rank): \(error)")
        communicator.abort(status: ExitCode.failure.rawValue)
      }
      throw error
    }
  }

  private func train(_ configuration: TrainingConfiguration, communicator: any Communicator) throws {
    let interruption = Interruption()
    defer { Terminal.endProgress() }
    let display = TrainDisplay(isQuiet: communicator.rank > 0, writesLinesToStandardError: json)
    let trainer = try Trainer(
      configuration,
      options: TrainerOptions(
        resume: resume, allowsChangedConfiguration: allowChangedConfig, threads: threads, stopAfter: stopAfter,
        isDryRun: dryRun, tool: "swift-bitnet \(BitNetCommand.configuration.version)"), communicator: communicator)
    display.show(plan: trainer.plan)
    if dryRun {
      if json { try Terminal.writeJSON(trainer.plan) }
      return
    }
    let report = try trainer.run(isCancelled: { interruption.exitCode != nil }, onEvent: display.show(event:))
    Terminal.endProgress()
    if communicator.rank == 0 {
      if json { try Terminal.writeJSON(report) } else { display.show(report: report, config: config) }
    }
    if report.ending == .interrupted { throw interruption.exitCode ?? ExitCode.failure }
  }

  private static func communicator() -> any Communicator {
    #if MPI
    if let communicator = MPICommunicator() { return communicator }
    #endif
    return SingleProcess()
  }
}
#endif
