#if Training
import ArgumentParser

/// `bitnet train CONFIG` trains, which is the default; other words are commands about runs.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model, or draw how its training went.",
    subcommands: [TrainRunCommand.self, TrainPlotCommand.self],
    defaultSubcommand: TrainRunCommand.self,
    // So that --help is the default command's.
    helpNames: [])
}
#endif
