package import Kernels

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file that appears under its name only when it is whole.
///
/// It is written as `.NAME.partial` beside the target, flushed to the disk and renamed. Whatever ends the process before
/// that leaves the target as it was; the partial file of a run that was killed is taken over by the next one, and told
/// from that of a running one by a lock.
package final class NewFile {
  /// The name that the file will have.
  package let path: String
  /// The name that it has until then.
  package let partialPath: String
  private let descriptor: Int32
  private var isDone = false

  /// Begins a file.
  ///
  /// - Throws: `unwritable` if the folder does not exist or may not be written to, if another process is writing the
  ///   same file, or if the name is that of a folder or a device.
  package init(path: String) throws(FormatError) {
    self.path = path
    try NewFile.refuseSpecial(path)
    let (folder, name) = NewFile.split(path)
    partialPath = "\(folder)/.\(name).partial"
    // A link that somebody else put there must not lead the writing elsewhere.
    descriptor = open(partialPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else {
      throw NewFile.failure(errno, path, "cannot be written", remedy: "Check the folder and its permissions.")
    }
    guard NewFile.locks(descriptor, named: partialPath) else {
      close(descriptor)
      isDone = true
      throw NewFile.busy(path, partialPath)
    }
    guard ftruncate(descriptor, 0) == 0 else {
      let code = errno
      discard()
      throw NewFile.failure(code, path, "cannot be written", remedy: "Check the folder and its permissions.")
    }
  }

  deinit { discard() }

  /// Writes bytes at an offset; what lies between is zero.
  ///
  /// - Throws: `unwritable`, in particular if the disk is full.
  package func write(_ bytes: SharedBytes, at offset: Int) throws(FormatError) {
    let code = bytes.write(to: descriptor, at: offset)
    guard code == 0 else {
      throw NewFile.failure(
        code, path, "cannot be written at byte \(grouped(offset))",
        remedy: code == ENOSPC || code == EFBIG || code == EDQUOT
          ? "Free some space or choose another disk; nothing was left behind." : "Check the disk.")
    }
  }

  /// Gives the file its length and its name.
  ///
  /// - Throws: `unwritable`; the target is then as it was.
  package func finish(count: Int) throws(FormatError) {
    try complete(count: count)
    try publish()
  }

  /// Gives the file its length, and sees to it that all of it is on the disk. It can be read at ``partialPath`` now.
  ///
  /// - Throws: `unwritable`.
  package func complete(count: Int) throws(FormatError) {
    guard ftruncate(descriptor, off_t(count)) == 0, fsync(descriptor) == 0 else {
      throw NewFile.failure(errno, path, "cannot be finished", remedy: "Check the disk.")
    }
  }

  /// Gives the complete file its name.
  ///
  /// - Throws: `unwritable`; the target is then as it was.
  package func publish() throws(FormatError) {
    guard rename(partialPath, path) == 0 else {
      throw NewFile.failure(errno, path, "cannot be finished", remedy: "Check the disk.")
    }
    isDone = true
    close(descriptor)
    NewFile.synchronize(folder: NewFile.split(path).folder)
  }

  private func discard() {
    guard !isDone else { return }
    isDone = true
    guard descriptor >= 0 else { return }
    unlink(partialPath)
    close(descriptor)
  }

  /// A file takes the place of a file, and of nothing else: the name of a device, say, would be lost to the whole machine.
  ///
  /// - Throws: `unwritable`.
  private static func refuseSpecial(_ path: String) throws(FormatError) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return }
    throw FormatError(
      .unwritable, file: path,
      "cannot be written: it is \(status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "not a regular file")",
      remedy: "Choose another name.")
  }

  /// Locks a partial file or folder until its descriptor is closed.
  ///
  /// - Returns: whether it is locked now, and still has its name: another process may have finished it between the opening
  ///   and the lock, and then it is the finished one.
  package static func locks(_ descriptor: Int32, named path: String) -> Bool {
    flock(descriptor, LOCK_EX | LOCK_NB) == 0 && names(path, descriptor)
  }

  /// The lock is another's.
  package static func busy(_ path: String, _ partialPath: String) -> FormatError {
    FormatError(
      .unwritable, file: path, "is being written by another process", found: "the lock on \(partialPath)",
      remedy: "Wait for it, or choose another name.")
  }

  /// Whether the path leads to the open file.
  private static func names(_ path: String, _ descriptor: Int32) -> Bool {
    var opened = stat(), named = stat()
    guard fstat(descriptor, &opened) == 0, stat(path, &named) == 0 else { return false }
    return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
  }

  /// Makes the names in a folder survive a power failure.
  package static func synchronize(folder: String) {
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    // Some file systems cannot; then the rename is as safe as it gets there.
    fsync(descriptor)
    close(descriptor)
  }

  /// The folder that a path lies in, and its name there.
  package static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = path[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
  }

  private static func failure(_ code: Int32, _ path: String, _ problem: String, remedy: String) -> FormatError {
    FormatError(.unwritable, file: path, "\(problem): \(String(cString: strerror(code)))", remedy: remedy)
  }
}
