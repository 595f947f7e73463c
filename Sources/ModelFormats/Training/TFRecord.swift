import Kernels

/// The framing of TensorFlow's record files: the length, its checksum, the bytes, their checksum.
package enum TFRecord {
  /// A checksum that stays sound when checksums are among the data that it is taken of.
  package static func maskedChecksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    let checksum = CRC32.castagnoli(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
  }

  /// The next record.
  ///
  /// - Throws: `truncated` or `malformed`; the reader is then of no more use.
  static func next(_ reader: inout ByteReader) throws(FormatError) -> [UInt8] {
    let start = reader.offset
    let count = try reader.integer(UInt64.self, "the length of a record")
    guard try reader.integer(UInt32.self, "the checksum of a length") == maskedChecksum(bytes(of: count)) else {
      throw FormatError(
        .malformed, file: reader.file, offset: start, "has a wrong checksum for the length of a record")
    }
    let data = reader.bytes.array(try reader.take(count, "a record"))
    guard try reader.integer(UInt32.self, "the checksum of a record") == maskedChecksum(data) else {
      throw FormatError(.malformed, file: reader.file, offset: start, "has a wrong checksum for a record")
    }
    return data
  }

  private static func bytes(of integer: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: integer >> (8 * $0)) }
  }
}
