#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Writes a NumPy `.npy` file of 32-bit floats row by row, so that it need not fit into memory.
///
/// The rows go to a file beside the final one, which takes the final name when it is whole; a writer that is given up
/// leaves nothing behind.
public final class NPYWriter {
  private let path: String
  private let temporary: String
  private let columns: Int
  private var rowsLeft: Int
  private var descriptor: Int32

  /// Begins a file of the shape `[rows, columns]`, format version 1.0.
  ///
  /// - Throws: `FormatError` when the file cannot be made.
  public init(path: String, rows: Int, columns: Int) throws(FormatError) {
    self.path = path
    temporary = "\(path).\(getpid()).partial"
    self.columns = columns
    rowsLeft = rows
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw NPYWriter.error(path) }
    let dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    // Magic, version, length and dictionary end, after spaces and a newline, on a multiple of 64 bytes.
    let length = (10 + dictionary.utf8.count + 1 + 63) / 64 * 64 - 10
    let spaces = String(repeating: " ", count: length - dictionary.utf8.count - 1)
    var header: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
    header += Array((dictionary + spaces + "\n").utf8)
    try append(header)
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(temporary)
  }

  /// Adds a row.
  ///
  /// - Throws: `FormatError` when it cannot be written: the disk is full, for instance.
  /// - Precondition: the row has the columns of the shape, and is not one too many.
  public func append(row: [Float]) throws(FormatError) {
    precondition(row.count == columns && rowsLeft > 0, "a row that does not fit the shape")
    rowsLeft -= 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(row.count * 4)
    for value in row {
      let bits = value.bitPattern
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
      bytes.append(UInt8(truncatingIfNeeded: bits >> 24))
    }
    try append(bytes)
  }

  /// Gives the file its name, once it is on the disk.
  ///
  /// - Throws: `FormatError` when that fails.
  /// - Precondition: all rows were added.
  public func finish() throws(FormatError) {
    precondition(rowsLeft == 0, "\(rowsLeft) rows are missing")
    guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw NPYWriter.error(path) }
    close(descriptor)
    descriptor = -1
  }

  private func append(_ bytes: [UInt8]) throws(FormatError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = write(descriptor, Array(rest), rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw NPYWriter.error(path) }
      rest = rest.dropFirst(count)
    }
  }

  private static func error(_ path: String) -> FormatError {
    FormatError(.unreadable, file: path, "cannot be written: \(String(cString: strerror(errno)))")
  }
}
