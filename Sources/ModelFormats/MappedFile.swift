package import Kernels

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file mapped read-only into memory: its pages are read when they are touched, and shared between processes.
///
/// The file must not be shortened while it is mapped: no reader of a mapping survives that.
package final class MappedFile: FileBacked {
  package let path: String
  private let count: Int
  // Written once, in init, and unmapped when nobody refers to the mapping any more.
  nonisolated(unsafe) private let baseAddress: UnsafeMutableRawPointer

  /// Maps the file at `path`.
  ///
  /// - Throws: `unreadable` or `missing` if it is no regular file that may be read, `truncated` if it is empty.
  package init(path: String) throws(FormatError) {
    // O_NONBLOCK: opening a pipe must not wait for somebody to write to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw MappedFile.openError(errno, path: path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw MappedFile.openError(errno, path: path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR:
      throw FormatError(.unreadable, file: path, "is a folder", remedy: "Name a file inside it.")
    default:
      throw FormatError(.unreadable, file: path, "is not a regular file", remedy: "Copy its contents to a file.")
    }
    guard let size = Int(exactly: status.st_size), size > 0 else {
      throw FormatError(.truncated, file: path, "is empty", remedy: FormatError.fetchAgain)
    }
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw FormatError(.unreadable, file: path, "cannot be mapped: \(String(cString: strerror(errno)))")
    }
    self.path = path
    count = size
    baseAddress = address
  }

  deinit { munmap(baseAddress, count) }

  /// The whole file; the slice keeps the mapping alive.
  package var bytes: SharedBytes { SharedBytes(owner: self, baseAddress: baseAddress, count: count) }

  private static func openError(_ number: Int32, path: String) -> FormatError {
    switch number {
    case ENOENT, ENOTDIR:
      FormatError(.missing, file: path, "does not exist", remedy: "Check the path.")
    case EACCES, EPERM:
      FormatError(
        .unreadable, file: path, "may not be read", remedy: "Check the permissions of the file and its folders.")
    default:
      FormatError(.unreadable, file: path, "cannot be opened: \(String(cString: strerror(number)))")
    }
  }
}
