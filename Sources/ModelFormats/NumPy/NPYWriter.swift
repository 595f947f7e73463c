import Kernels

/// Writes a NumPy `.npy` file of 32-bit floats row by row, so that it need not fit into memory.
///
/// The rows go to a file beside the final one, which takes the final name when it is whole; a writer that is given up
/// leaves nothing behind.
public final class NPYWriter {
  private let file: NewFile
  private let columns: Int
  private var rowsLeft: Int
  private var count = 0

  /// Begins a file of the shape `[rows, columns]`, format version 1.0.
  ///
  /// - Throws: `FormatError` when the file cannot be made, or its name is that of a folder or a device.
  public init(path: String, rows: Int, columns: Int) throws(FormatError) {
    self.columns = columns
    rowsLeft = rows
    file = try NewFile(path: path)
    let dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    // Magic, version, length and dictionary end, after spaces and a newline, on a multiple of 64 bytes.
    let length = (10 + dictionary.utf8.count + 1 + 63) / 64 * 64 - 10
    let spaces = String(repeating: " ", count: length - dictionary.utf8.count - 1)
    var header: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
    header += Array((dictionary + spaces + "\n").utf8)
    try append(header)
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
    try file.finish(count: count)
  }

  private func append(_ bytes: [UInt8]) throws(FormatError) {
    try file.write(SharedBytes(copying: bytes), at: count)
    count += bytes.count
  }
}
