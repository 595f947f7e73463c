#if Training
import ArgumentParser
import BitNetTraining
import Foundation
import Kernels
import ModelFormats

struct TrainPlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draw a run's losses, learning rate and lambda as SVG.",
    discussion: """
      Reads the log.jsonl that a run keeps in its folder, also while it goes on. The picture suits light and dark pages.

      Examples:
        bitnet train plot runs/model -o loss.svg
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run, or its log.jsonl.", valueName: "run"), completion: .directory)
  var folder: String

  @Option(name: [.customShort("o"), .long], help: "The SVG file to write.", completion: .file(extensions: ["svg"]))
  var output: String

  @Option(name: .long, help: "What to write above it (default: the folder's name).")
  var title: String?

  func run() throws {
    let url = URL(filePath: folder)
    let isLog = url.pathExtension == "jsonl"
    let run = isLog ? url.deletingLastPathComponent() : url
    let log = isLog ? url : url.appending(path: TrainingLog.name)
    let plot = try LossPlot(log: log.path, title: title ?? run.lastPathComponent)
    let file = try NewFile(path: output)
    try file.write(SharedBytes(copying: Array(plot.svg.utf8)), at: 0)
    try file.finish(count: plot.svg.utf8.count)
  }
}
#endif
