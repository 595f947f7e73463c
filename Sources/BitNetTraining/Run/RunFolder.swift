import Foundation
import ModelFormats

/// The folder of a run, of one process at a time: checkpoints `step-000100`, the link `best`, and the log.
package final class RunFolder {
  /// The path of the folder.
  package let path: String
  private let lock: Int32

  /// Opens the folder, making it where it is not there, and removes what a process that was killed left unfinished.
  ///
  /// - Throws: ``RunError/busy(folder:)``, `FormatError` with the code `unwritable`.
  package init(path: String) throws {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    do {
      try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    } catch {
      throw RunFolder.failure(path, error)
    }
    lock = open("\(self.path)/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      if lock >= 0 { close(lock) }
      throw RunError.busy(folder: path)
    }
    try cleanUp()
  }

  /// Removes what a process that was killed left unfinished; what it was about to replace gets its name back.
  private func cleanUp() throws {
    for name in RunFolder.names(in: path) where name.hasPrefix(".step-") || name.hasPrefix(".final.") {
      let left = "\(path)/\(name)"
      let replaced = "\(path)/\(name.dropFirst().dropLast(".replaced".count))"
      do {
        if name.hasSuffix(".replaced"), !NewFolder.isThere(replaced) {
          try FileManager.default.moveItem(atPath: left, toPath: replaced)
        } else {
          try FileManager.default.removeItem(atPath: left)
        }
      } catch {
        throw RunFolder.failure(left, error)
      }
    }
  }

  deinit { if lock >= 0 { close(lock) } }

  /// The path of the checkpoint after a number of steps.
  package func checkpoint(step: Int) -> String {
    let digits = String(step)
    return "\(path)/step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// The checkpoints in a folder, in the order of their steps.
  package static func checkpoints(in folder: String) -> [(step: Int, path: String)] {
    names(in: folder).compactMap { name -> (step: Int, path: String)? in
      guard name.hasPrefix("step-"), let step = Int(name.dropFirst("step-".count)) else { return nil }
      let path = "\(folder)/\(name)"
      return FileManager.default.fileExists(atPath: "\(path)/\(CheckpointFiles.state)") ? (step, path) : nil
    }
    .sorted { $0.step < $1.step }
  }

  /// The checkpoint that a name stands for: `latest`, a number of steps, the name of a folder here, or a path.
  ///
  /// - Throws: ``RunError/noCheckpoint(path:)``.
  package static func resolve(_ name: String, in folder: String) throws -> String {
    let checkpoints = checkpoints(in: folder)
    if name == "latest" {
      guard let last = checkpoints.last else { throw RunError.noCheckpoint(path: folder) }
      return last.path
    }
    let numbered = checkpoints.first { $0.step == Int(name) }?.path
    let candidates = [numbered, "\(folder)/\(name)", name].compactMap { $0 }
    let isThere: (String) -> Bool = { FileManager.default.fileExists(atPath: "\($0)/\(CheckpointFiles.state)") }
    guard let found = candidates.first(where: isThere) else { throw RunError.noCheckpoint(path: name) }
    return found
  }

  /// Removes checkpoints but for the newest, the last of those at an interval, and the best.
  ///
  /// - Parameter interval: the steps between checkpoints that count; 0 where there are no such.
  package func removeCheckpoints(keepingLast count: Int, interval: Int, best: Int?) throws {
    let all = RunFolder.checkpoints(in: path)
    var kept = Set(all.map(\.step).filter { interval > 0 && $0.isMultiple(of: interval) }.suffix(count))
    if let newest = all.last { kept.insert(newest.step) }
    if let best { kept.insert(best) }
    for (step, old) in all where !kept.contains(step) {
      // Gone under its name at once, so that a half-removed one is never taken for a checkpoint.
      let hidden = "\(path)/.\(NewFile.split(old).name).removed"
      do {
        try FileManager.default.moveItem(atPath: old, toPath: hidden)
        try FileManager.default.removeItem(atPath: hidden)
      } catch {
        throw RunFolder.failure(old, error)
      }
    }
  }

  /// Lets the link `best` lead to the checkpoint of a step.
  package func markBest(step: Int) throws {
    let link = "\(path)/best", new = "\(path)/.step-best"
    unlink(new)
    let code = symlink(NewFile.split(checkpoint(step: step)).name, new)
    guard code == 0, rename(new, link) == 0 else {
      throw FormatError(
        .unwritable, file: link, "cannot be written: \(String(cString: strerror(errno)))",
        remedy: "Check the folder's permissions.")
    }
    NewFile.synchronize(folder: path)
  }

  private static func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  private static func failure(_ path: String, _ error: any Error) -> FormatError {
    FormatError(
      .unwritable, file: path, "cannot be written: \(error.localizedDescription)",
      remedy: "Check the folder above it, its permissions and the space on the disk.")
  }
}
