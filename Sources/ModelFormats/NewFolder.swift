import Foundation

/// A folder that appears under its name only when everything is in it: it is filled as `.NAME.partial` and renamed.
package final class NewFolder {
  /// The folder to fill.
  package let partialPath: String
  private let path: String
  private let replaced: String
  private var isDone = false

  /// Begins a folder; what is there under its name stays until ``finish()``.
  ///
  /// - Throws: `FormatError` with the code `unwritable`.
  package init(path: String) throws {
    let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let (parent, name) = NewFile.split(trimmed)
    self.path = trimmed
    partialPath = "\(parent)/.\(name).partial"
    replaced = "\(parent)/.\(name).replaced"
    do {
      // What a run that was killed left behind; between its last two steps, that was all there is of the old folder.
      if !FileManager.default.fileExists(atPath: trimmed), FileManager.default.fileExists(atPath: replaced) {
        try FileManager.default.moveItem(atPath: replaced, toPath: trimmed)
      }
      for left in [partialPath, replaced] where FileManager.default.fileExists(atPath: left) {
        try FileManager.default.removeItem(atPath: left)
      }
      try FileManager.default.createDirectory(atPath: partialPath, withIntermediateDirectories: false)
    } catch {
      throw NewFolder.failure(path, error)
    }
  }

  deinit { if !isDone { try? FileManager.default.removeItem(atPath: partialPath) } }

  /// Gives the folder its name.
  ///
  /// - Throws: `FormatError` with the code `unwritable`.
  package func finish() throws {
    let files = FileManager.default
    NewFile.synchronize(folder: partialPath)
    do {
      let exists = files.fileExists(atPath: path)
      if exists { try files.moveItem(atPath: path, toPath: replaced) }
      try files.moveItem(atPath: partialPath, toPath: path)
      isDone = true
      NewFile.synchronize(folder: NewFile.split(path).folder)
      if exists { try files.removeItem(atPath: replaced) }
    } catch {
      throw NewFolder.failure(path, error)
    }
  }

  private static func failure(_ path: String, _ error: any Error) -> FormatError {
    FormatError(
      .unwritable, file: path, "cannot be written: \(error.localizedDescription)",
      remedy: "Check the folder above it, its permissions and the space on the disk.")
  }
}
