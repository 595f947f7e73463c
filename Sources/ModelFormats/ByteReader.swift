package import Kernels

/// A cursor over the bytes of a file that throws where others would read past the end.
package struct ByteReader {
  package let bytes: SharedBytes
  package let file: String
  package private(set) var offset = 0

  package init(_ bytes: SharedBytes, file: String) {
    self.bytes = bytes
    self.file = file
  }

  package var remaining: Int { bytes.count - offset }

  /// Reads a little-endian integer; `what` names it in the error.
  package mutating func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ type: Integer.Type, _ what: @autoclosure () -> String
  ) throws(FormatError) -> Integer {
    let range = try take(UInt64(MemoryLayout<Integer>.size), what())
    return bytes.integer(at: range.lowerBound)
  }

  /// Steps over `count` bytes, a number that may come from the file.
  package mutating func take(_ count: UInt64, _ what: @autoclosure () -> String) throws(FormatError) -> Range<Int> {
    guard count <= UInt64(remaining) else {
      throw FormatError(
        .truncated, file: file, offset: offset,
        "\(what()) needs \(grouped(count)) bytes, but the file has only \(grouped(remaining)) more",
        remedy: FormatError.fetchAgain)
    }
    let range = offset..<(offset + Int(count))
    offset = range.upperBound
    return range
  }

  /// Reads a count from the file of things that take at least `minimumBytes` each, and refuses it if so many cannot
  /// follow. Who reserves memory by such a count reserves no more than the file's size allows.
  package mutating func count(of what: String, minimumBytes: Int) throws(FormatError) -> Int {
    let start = offset
    let count = try integer(UInt64.self, "the number of \(what)")
    guard count <= UInt64(remaining / minimumBytes) else {
      throw FormatError(
        .malformed, file: file, offset: start,
        "claims to hold \(grouped(count)) \(what), more than the remaining \(grouped(remaining)) bytes can hold",
        remedy: FormatError.damaged)
    }
    return Int(count)
  }
}
