/// The reversible map between bytes and printable characters in which byte-level BPE vocabularies are written.
///
/// Bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for the scalars of the same number; the other 68 bytes, in
/// increasing order, are U+0100, U+0101, … (GPT-2's `bytes_to_unicode`). A space is `Ġ`, a line feed `Ċ`.
package enum ByteAlphabet {
  private static let byteOfScalar: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x100 + 68)
    var next = 0x100
    for byte in 0..<0x100 {
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: table[byte] = Int16(byte)
      default:
        table[next] = Int16(byte)
        next += 1
      }
    }
    return table
  }()

  /// All bytes in the order of the scalars that stand for them.
  static let symbols: [UInt8] = byteOfScalar.filter { $0 >= 0 }.map { UInt8($0) }

  private static let scalarOfByte: [Int] = {
    var table = [Int](repeating: 0, count: 0x100)
    for (scalar, byte) in byteOfScalar.enumerated() where byte >= 0 { table[Int(byte)] = scalar }
    return table
  }()

  /// The text (UTF-8) that stands for `bytes`.
  static func mapped(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for byte in bytes {
      let scalar = scalarOfByte[Int(byte)]
      if scalar < 0x80 {
        result.append(UInt8(scalar))
      } else {
        result += [0xC0 | UInt8(scalar >> 6), 0x80 | UInt8(scalar & 0x3F)]
      }
    }
    return result
  }

  /// The bytes that `text` (UTF-8) stands for, or nil if it holds a character that stands for no byte.
  package static func bytes(ofMapped text: some Collection<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    let table = byteOfScalar
    var pending: Int?
    for unit in text {
      let scalar: Int
      if let lead = pending {
        // All mapped scalars lie below U+0800, so two bytes are the longest form.
        guard unit & 0xC0 == 0x80 else { return nil }
        scalar = (lead & 0x1F) << 6 | Int(unit & 0x3F)
        pending = nil
      } else if unit < 0x80 {
        scalar = Int(unit)
      } else if unit & 0xE0 == 0xC0 {
        pending = Int(unit)
        continue
      } else {
        return nil
      }
      guard scalar < table.count, table[scalar] >= 0 else { return nil }
      result.append(UInt8(table[scalar]))
    }
    return pending == nil ? result : nil
  }
}
