#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What owns bytes that are a file's: pages that are dropped come back from there.
package protocol FileBacked: AnyObject, Sendable {}

extension SharedBytes {
  /// Tells the system that the bytes are not needed for a while, so that reading a large file once does not fill this
  /// process's memory. They can be read again at any time. Does nothing for bytes that are no file's.
  package func release() {
    guard owner is any FileBacked else { return }
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (Int(bitPattern: baseAddress) + pageSize - 1) / pageSize * pageSize
    let end = (Int(bitPattern: baseAddress) + count) / pageSize * pageSize
    guard start < end, let address = UnsafeMutableRawPointer(bitPattern: start) else { return }
    madvise(address, end - start, MADV_DONTNEED)
  }

  /// Writes the bytes to a file at `offset`.
  ///
  /// - Returns: 0, or the `errno` of what went wrong.
  package func write(to descriptor: Int32, at offset: Int) -> Int32 {
    var done = 0
    while done < count {
      let written = pwrite(descriptor, baseAddress + done, min(count - done, 1 << 30), off_t(offset + done))
      if written < 0 {
        if errno == EINTR { continue }
        return errno
      }
      done += written
    }
    return 0
  }
}
