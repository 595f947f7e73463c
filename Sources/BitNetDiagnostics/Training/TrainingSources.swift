import ModelFormats

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The files of a training run in a folder, in the folders below it, and in those above it if it is a checkpoint's.
struct TrainingSources {
  /// The folder that was asked about.
  let folder: String
  private(set) var states: [String] = []
  private(set) var wandb: [String] = []
  private(set) var wandbSummaries: [String] = []
  /// Settings in YAML.
  private(set) var settings: [String] = []
  /// Names of event files by folder.
  private(set) var events: [String: [String]] = [:]
  private(set) var checkpoints: [String] = []
  /// Logs of one JSON object a line.
  private(set) var lines: [String] = []

  private static let maximumDepth = 5
  private static let maximumEntries = 20_000
  private static let lineLog = "log.jsonl"
  private static let checkpointSuffixes = [".ckpt", ".pt", ".pth", "training_args.bin", "pytorch_model.bin"]

  private var entriesLeft = TrainingSources.maximumEntries

  /// - Parameter path: a folder, or a file in it.
  init(near path: String) {
    folder = TrainingSources.isFolder(path) ? TrainingSources.trimmed(path) : NewFile.split(path).folder
    collect(folder, depth: TrainingSources.maximumDepth)
    // The run's own state is newer than the checkpoints', and a checkpoint's is the one that its weights belong to.
    var place = folder
    for _ in 0..<2 where TrainingSources.isCheckpointName(NewFile.split(place).name) {
      place = NewFile.split(place).folder
      collectLogs(beside: place, apartFrom: folder)
    }
  }

  private mutating func collect(_ folder: String, depth: Int) {
    for name in names(in: folder) {
      let path = "\(folder)/\(name)"
      if TensorBoardLog.isEventFile(name) {
        events[folder, default: []].append(name)
      } else if name.hasSuffix(".wandb") {
        wandb.append(path)
      } else if name == "wandb-summary.json" {
        wandbSummaries.append(path)
      } else if name == "hparams.yaml" || name == "config.yaml" && NewFile.split(folder).name == "files" {
        // Many programs have a config.yaml; W&B's lies in the folder of a run's files.
        settings.append(path)
      } else if name == TrainingSources.lineLog {
        lines.append(path)
      } else if ["trainer_state.json", "training_state.json"].contains(name) {
        states.append(path)
      } else if TrainingSources.checkpointSuffixes.contains(where: name.hasSuffix), !name.hasPrefix("rng_state") {
        checkpoints.append(path)
      } else if depth > 1, !name.hasPrefix("."), !TrainingSources.isLink(path), TrainingSources.isFolder(path) {
        collect(path, depth: depth - 1)
      }
    }
  }

  /// What lies beside a checkpoint: the logs and the state of the run, but not other checkpoints.
  private mutating func collectLogs(beside folder: String, apartFrom own: String) {
    for name in names(in: folder) where name != NewFile.split(own).name {
      let path = "\(folder)/\(name)"
      if TensorBoardLog.isEventFile(name) {
        events[folder, default: []].append(name)
      } else if name == TrainingSources.lineLog {
        lines.append(path)
      } else if ["wandb", "tensorboard", "runs", "logs", "tb", "lightning_logs"].contains(name),
        TrainingSources.isFolder(path), !TrainingSources.isLink(path)
      {
        collect(path, depth: 3)
      } else if states.isEmpty, ["trainer_state.json", "training_state.json"].contains(name) {
        states.append(path)
      }
    }
  }

  private mutating func names(in folder: String) -> [String] {
    guard entriesLeft > 0, let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
    let taken = names.sorted().prefix(entriesLeft)
    entriesLeft -= taken.count
    return Array(taken)
  }

  static func isFolder(_ path: String) -> Bool {
    #if canImport(FoundationEssentials)
    var isFolder = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    #else
    var isFolder = ObjCBool(false)
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    #endif
  }

  /// A link leads out of the run, back into it, or to another name of one of its folders.
  static func isLink(_ path: String) -> Bool {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.type] as? FileAttributeType == .typeSymbolicLink
  }

  private static func trimmed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// Whether a folder's name is one that trainers give to checkpoints or to the folder that holds them.
  static func isCheckpointName(_ name: String) -> Bool {
    ["checkpoint", "step", "epoch", "final", "best", "last", "latest"].contains { name.lowercased().hasPrefix($0) }
  }
}
