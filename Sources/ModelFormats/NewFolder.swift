import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A folder that appears under its name only when everything is in it: it is filled as `.NAME.partial` and renamed.
///
/// As with `NewFile`, the partial folder of a run that was killed is taken over by the next one, and told from that of a
/// running one by a lock.
package final class NewFolder {
  /// The folder to fill.
  package let partialPath: String
  private let path: String
  private let replaced: String
  private let descriptor: Int32
  private var isDone = false

  /// Begins a folder; what is there under its name stays until ``finish()``.
  ///
  /// - Throws: `FormatError`, `unwritable`, in particular if another process is writing the same folder.
  package init(path: String) throws {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let (parent, name) = NewFile.split(trimmed)
    self.path = trimmed
    partialPath = "\(parent)/.\(name).partial"
    replaced = "\(parent)/.\(name).replaced"
    // It may be there already: the rest of a killed run, or another process's.
    let isMade = mkdir(partialPath, 0o777) == 0 || errno == EEXIST
    descriptor = isMade ? open(partialPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1
    guard descriptor >= 0 else {
      isDone = true
      throw NewFolder.failure(path, String(cString: strerror(errno)))
    }
    guard NewFile.locks(descriptor, named: partialPath) else {
      close(descriptor)
      isDone = true
      throw NewFile.busy(trimmed, partialPath)
    }
    do { try takeOver() } catch { throw NewFolder.failure(path, error.localizedDescription) }
  }

  deinit {
    guard !isDone else { return }
    try? FileManager.default.removeItem(atPath: partialPath)
    close(descriptor)
  }

  /// Clears what a run that was killed left behind; between its last two steps, that was all there is of the old folder.
  private func takeOver() throws {
    let files = FileManager.default
    if NewFolder.isThere(replaced) {
      if NewFolder.isThere(path) {
        try files.removeItem(atPath: replaced)
      } else {
        try files.moveItem(atPath: replaced, toPath: path)
      }
    }
    for name in try files.contentsOfDirectory(atPath: partialPath) {
      try files.removeItem(atPath: "\(partialPath)/\(name)")
    }
  }

  /// Gives the folder its name. What had it before stays if that fails.
  ///
  /// - Throws: `FormatError`, `unwritable`.
  package func finish() throws {
    let files = FileManager.default
    NewFile.synchronize(folder: partialPath)
    let exists = NewFolder.isThere(path)
    do {
      if exists { try files.moveItem(atPath: path, toPath: replaced) }
      try files.moveItem(atPath: partialPath, toPath: path)
    } catch {
      if exists, !NewFolder.isThere(path) { try? files.moveItem(atPath: replaced, toPath: path) }
      throw NewFolder.failure(path, error.localizedDescription)
    }
    isDone = true
    close(descriptor)
    NewFile.synchronize(folder: NewFile.split(path).folder)
    do {
      if exists { try files.removeItem(atPath: replaced) }
    } catch {
      throw NewFolder.failure(replaced, error.localizedDescription)
    }
  }

  /// Whether something has the name, be it a link that leads nowhere.
  package static func isThere(_ path: String) -> Bool {
    (try? FileManager.default.attributesOfItem(atPath: path)) != nil
  }

  private static func failure(_ path: String, _ problem: String) -> FormatError {
    FormatError(
      .unwritable, file: path, "cannot be written: \(problem)",
      remedy: "Check the folder above it, its permissions and the space on the disk.")
  }
}
