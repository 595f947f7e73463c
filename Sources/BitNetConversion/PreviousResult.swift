import Foundation
import ModelFormats

/// What had the name of a result before, kept until the result has proved right.
///
/// A file is kept under a second name, `.NAME.previous`. A folder cannot have two, so that only a new one is taken back.
struct PreviousResult {
  private let path: String
  private let kept: String?
  private let existed: Bool

  init(path: String) {
    self.path = path
    var isFolder: ObjCBool = false
    existed = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    guard existed, !isFolder.boolValue else {
      kept = nil
      return
    }
    let (folder, name) = NewFile.split(path)
    let second = "\(folder)/.\(name).previous"
    try? FileManager.default.removeItem(atPath: second)
    // Not every file system can; there the new file stays, whatever it proves to be.
    kept = (try? FileManager.default.linkItem(atPath: path, toPath: second)).map { second }
  }

  /// Puts it back in the place of a result that is not right.
  func restore() {
    if let kept {
      _ = rename(kept, path)
    } else if !existed {
      try? FileManager.default.removeItem(atPath: path)
    }
  }

  /// Lets go of it.
  func discard() {
    if let kept { try? FileManager.default.removeItem(atPath: kept) }
  }
}
