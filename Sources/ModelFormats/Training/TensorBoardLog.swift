package import Kernels

/// Reads TensorBoard's event files: scalars, whichever way they are written; nothing else.
package enum TensorBoardLog {
  /// Whether a file is one of TensorBoard's by its name.
  package static func isEventFile(_ name: String) -> Bool { name.contains(".tfevents.") }

  /// Joins the event files of one folder in the order of their names, as TensorBoard does.
  ///
  /// A file is read up to the first record that is damaged or not whole yet, which is noted.
  ///
  /// - Throws: ``FormatError`` if a file cannot be read or is none of TensorBoard's.
  package static func read(folder: String, names: [String]) throws(FormatError) -> RunLog {
    var log = RunLog(file: folder)
    for name in names.sorted() {
      let path = "\(folder)/\(name)"
      try read(MappedFile(path: path).bytes, file: path, into: &log)
    }
    return log
  }

  /// Reads the bytes of one event file.
  ///
  /// - Throws: ``FormatError`` if they do not begin with a sound record.
  package static func read(_ bytes: SharedBytes, file path: String, into log: inout RunLog) throws(FormatError) {
    var reader = ByteReader(bytes, file: path)
    var isFirst = true
    while reader.remaining > 0 {
      let start = reader.offset
      let record: [UInt8]
      do {
        record = try TFRecord.next(&reader)
      } catch {
        guard !isFirst else { throw error }
        log.notes.append("\(path) is read up to byte \(grouped(start)) only: \(error.problem)")
        return
      }
      isFirst = false
      do throws(ProtobufReader.Malformed) {
        try readEvent(record, into: &log)
      } catch {
        log.notes.append("\(path): the record at byte \(grouped(start)) is no event")
      }
    }
  }

  private static func readEvent(_ bytes: [UInt8], into log: inout RunLog) throws(ProtobufReader.Malformed) {
    var step = 0
    var summaries: [Range<Int>] = []
    var begins = false
    var reader = ProtobufReader(bytes, 0..<bytes.count)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .varint(let raw)): step = Int(Int64(bitPattern: raw))
      case (5, .bytes(let range)): summaries.append(range)
      case (7, .bytes(let range)):
        var session = ProtobufReader(bytes, range)
        while let (field, value) = try session.next() {
          if field == 1, case .varint(1) = value { begins = true }
        }
      default: break
      }
    }
    // A session that begins at a step makes void what was written about later ones.
    if begins, step > 0 { log.forget(from: step) }
    for range in summaries {
      var summary = ProtobufReader(bytes, range)
      while let (field, value) = try summary.next() {
        guard field == 1, case .bytes(let range) = value, let scalar = try scalar(bytes, range) else { continue }
        log.append(scalar.tag, step: step, scalar.value)
      }
    }
  }

  private static func scalar(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(ProtobufReader.Malformed) -> (tag: String, value: Double)? {
    var tag = ""
    var number: Double?
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): tag = String(decoding: bytes[text], as: UTF8.self)
      case (2, .fixed32(let bits)): number = Double(Float(bitPattern: bits))
      case (8, .bytes(let tensor)): number = try self.number(bytes, tensor) ?? number
      default: break
      }
    }
    return number.map { (tag, $0) }
  }

  /// The value of a `TensorProto` with one element of a common type.
  private static func number(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(ProtobufReader.Malformed) -> Double? {
    var type: UInt64 = 0
    var content: [UInt8] = []
    var whole: UInt64?
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .varint(let raw)): type = raw
      case (2, .bytes(let shape)): guard try hasOneElement(bytes, shape) else { return nil }
      // The raw content, or the packed float_val and double_val, are the same little-endian bytes.
      case (4, .bytes(let raw)), (5, .bytes(let raw)), (6, .bytes(let raw)): content = Array(bytes[raw])
      case (5, .fixed32(let bits)): return Double(Float(bitPattern: bits))
      case (6, .fixed64(let bits)): return Double(bitPattern: bits)
      case (7, .varint(let raw)), (10, .varint(let raw)): whole = raw
      case (7, .bytes(let raw)), (10, .bytes(let raw)): whole = try firstVarint(bytes, raw)
      default: break
      }
    }
    if let whole { return Double(Int64(bitPattern: whole)) }
    let bits = content.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    switch (type, content.count) {
    case (1, 4): return Double(Float(bitPattern: UInt32(bits)))
    case (2, 8): return Double(bitPattern: bits)
    case (3, 4): return Double(Int32(truncatingIfNeeded: bits))
    case (9, 8): return Double(Int64(bitPattern: bits))
    default: return nil
    }
  }

  private static func hasOneElement(_ bytes: [UInt8], _ range: Range<Int>) throws(ProtobufReader.Malformed) -> Bool {
    var shape = ProtobufReader(bytes, range)
    while let (field, value) = try shape.next() {
      guard field == 2, case .bytes(let range) = value else { continue }
      var dimension = ProtobufReader(bytes, range)
      while let (field, value) = try dimension.next() {
        if field == 1, case .varint(let size) = value, size != 1 { return false }
      }
    }
    return true
  }

  private static func firstVarint(_ bytes: [UInt8], _ range: Range<Int>) throws(ProtobufReader.Malformed) -> UInt64? {
    var reader = ProtobufReader(bytes, range)
    return range.isEmpty ? nil : try reader.varint()
  }
}
