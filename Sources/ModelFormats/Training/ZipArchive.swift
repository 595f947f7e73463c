import Kernels

/// The entries of a zip archive that are stored as they are, as PyTorch stores them; also of more than 4 GB (zip64).
struct ZipArchive {
  private let bytes: SharedBytes
  private let file: String
  /// The range of each entry's bytes, by name.
  private(set) var entries: [String: Range<Int>] = [:]

  private static let maximumEntries = 1 << 20

  init(_ bytes: SharedBytes, file: String) throws(FormatError) {
    self.bytes = bytes
    self.file = file
    let (count, start) = try directory()
    var position = start
    for _ in 0..<count { try readEntry(at: &position) }
  }

  func contents(of name: String) -> SharedBytes? { entries[name].map { bytes[$0] } }

  /// The number of entries and where their list begins.
  private func directory() throws(FormatError) -> (count: Int, start: Int) {
    // The record at the end may be followed by a comment of up to 64 KiB.
    guard
      let end = stride(from: bytes.count - 22, through: max(0, bytes.count - 22 - 0xFFFF), by: -1).first(where: {
        signature(at: $0) == 0x0605_4B50
      })
    else { throw damaged("has no list of entries at its end") }
    var count = UInt64(bytes.integer(at: end + 10) as UInt16)
    var start = UInt64(bytes.integer(at: end + 16) as UInt32)
    if count == 0xFFFF || start == 0xFFFF_FFFF {
      guard end >= 20, signature(at: end - 20) == 0x0706_4B50 else { throw damaged("has no zip64 locator") }
      let record = try offset(bytes.integer(at: end - 20 + 8) as UInt64, room: 56)
      guard signature(at: record) == 0x0606_4B50 else { throw damaged("has no zip64 record where it says") }
      count = bytes.integer(at: record + 32)
      start = bytes.integer(at: record + 48)
    }
    guard count <= UInt64(min(ZipArchive.maximumEntries, bytes.count / 46)) else {
      throw damaged("claims to have \(grouped(count)) entries")
    }
    return (Int(count), try offset(start, room: 0))
  }

  private mutating func readEntry(at position: inout Int) throws(FormatError) {
    let start = try offset(UInt64(position), room: 46)
    guard signature(at: start) == 0x0201_4B50 else { throw damaged("has a damaged list of entries") }
    let method: UInt16 = bytes.integer(at: start + 10)
    var size = UInt64(bytes.integer(at: start + 24) as UInt32)
    let nameCount = Int(bytes.integer(at: start + 28) as UInt16)
    let extraCount = Int(bytes.integer(at: start + 30) as UInt16)
    let commentCount = Int(bytes.integer(at: start + 32) as UInt16)
    var local = UInt64(bytes.integer(at: start + 42) as UInt32)
    _ = try offset(UInt64(start), room: 46 + nameCount + extraCount)
    let name = String(decoding: bytes.array(start + 46..<start + 46 + nameCount), as: UTF8.self)
    let extra = start + 46 + nameCount..<start + 46 + nameCount + extraCount
    let compressed = UInt64(bytes.integer(at: start + 20) as UInt32)
    try readZip64(extra, size: &size, hasCompressed: compressed == 0xFFFF_FFFF, local: &local)
    position = start + 46 + nameCount + extraCount + commentCount
    // A compressed entry is left out: PyTorch writes none, and unpacking is how small files become large.
    guard method == 0, !name.hasSuffix("/") else { return }
    let header = try offset(local, room: 30)
    guard signature(at: header) == 0x0403_4B50 else { throw damaged("has no entry where its list says") }
    let skip = 30 + Int(bytes.integer(at: header + 26) as UInt16) + Int(bytes.integer(at: header + 28) as UInt16)
    guard size <= UInt64(bytes.count) else { throw damaged("has an entry larger than itself") }
    let data = try offset(UInt64(header), room: skip + Int(size)) + skip
    entries[name] = data..<data + Int(size)
  }

  /// The extra field 1: the values that do not fit into 32 bits, in a fixed order, each only if it does not.
  private func readZip64(
    _ range: Range<Int>, size: inout UInt64, hasCompressed: Bool, local: inout UInt64
  ) throws(FormatError) {
    var position = range.lowerBound
    while range.upperBound - position >= 4 {
      let id: UInt16 = bytes.integer(at: position)
      let end = position + 4 + Int(bytes.integer(at: position + 2) as UInt16)
      guard end <= range.upperBound else { throw damaged("has a damaged extra field") }
      if id == 1 {
        var value = position + 4
        func next() throws(FormatError) -> UInt64 {
          guard end - value >= 8 else { throw damaged("has a damaged zip64 field") }
          defer { value += 8 }
          return bytes.integer(at: value)
        }
        if size == 0xFFFF_FFFF { size = try next() }
        if hasCompressed { _ = try next() }
        if local == 0xFFFF_FFFF { local = try next() }
      }
      position = end
    }
  }

  private func signature(at offset: Int) -> UInt32? {
    offset >= 0 && offset + 4 <= bytes.count ? bytes.integer(at: offset) : nil
  }

  /// An offset of the file that `room` bytes follow.
  private func offset(_ value: UInt64, room: Int) throws(FormatError) -> Int {
    guard value <= UInt64(bytes.count), bytes.count - Int(value) >= room else {
      throw damaged("points behind its end")
    }
    return Int(value)
  }

  private func damaged(_ problem: String) -> FormatError {
    FormatError(.malformed, file: file, problem, remedy: FormatError.fetchAgain)
  }
}
