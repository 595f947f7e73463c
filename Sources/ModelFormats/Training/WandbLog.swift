package import Kernels

/// Reads the transaction log `run-ID.wandb` of a run of Weights & Biases, history and configuration, and its summary.
///
/// The log is LevelDB's: blocks of 32 KiB, in which records begin with the CRC-32 of type and data, the length, and the
/// type (whole, first, middle or last piece). Each record is a protobuf message of `wandb_internal.proto`.
package enum WandbLog {
  private static let blockSize = 32 << 10
  private static let headerSize = 7
  private static let maximumRecord = 64 << 20

  /// Reads a `.wandb` file up to the first record that is damaged or not whole yet, which is noted.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read or is no such log.
  package static func read(path: String) throws(FormatError) -> RunLog {
    try read(MappedFile(path: path).bytes, file: path)
  }

  /// Reads the bytes of a `.wandb` file.
  ///
  /// - Throws: ``FormatError`` if they do not begin as such a log.
  package static func read(_ bytes: SharedBytes, file path: String) throws(FormatError) -> RunLog {
    var log = RunLog(file: path)
    // ":W&B", the magic number 0xBEE1 and the version 0.
    guard bytes.count >= headerSize, bytes.array(0..<6) == [0x3A, 0x57, 0x26, 0x42, 0xE1, 0xBE] else {
      throw FormatError(
        .otherFormat, file: path, "does not begin as a log of Weights & Biases",
        remedy: "Copy the run's folder again, or name another.")
    }
    guard bytes.array(6..<7) == [0] else {
      throw FormatError(
        .unsupportedVersion, file: path, "is of an unknown version", found: "\(bytes.array(6..<7)[0])", expected: "0")
    }
    var config: [(key: JSONString, value: JSONValue)] = []
    var position = headerSize
    do throws(FormatError) {
      while let record = try next(bytes, &position, file: path) {
        do throws(ProtobufReader.Malformed) {
          try read(record, into: &log, config: &config)
        } catch {
          log.notes.append("\(path): the record before byte \(grouped(position)) is no message")
        }
      }
    } catch {
      log.notes.append("\(path) is read up to byte \(grouped(position)) only: \(error.problem)")
    }
    if !config.isEmpty { log.config = JSONObject(entries: config) }
    return log
  }

  /// Reads `wandb-summary.json`, the last value of each series.
  ///
  /// - Throws: ``FormatError`` if the file cannot be read or is no JSON object.
  package static func readSummary(path: String) throws(FormatError) -> RunLog {
    let node = try JSONParser.parse(path: path, options: .init(allowsNonFinite: true))
    guard case .object(let object) = node.value else {
      throw FormatError(.malformed, file: path, "is no JSON object", found: node.value.kind)
    }
    var log = RunLog(file: path)
    let row = object.entries.compactMap { key, value in value.double.map { (key.string, $0) } }
    append(row, loggedAt: 0, to: &log)
    return log
  }

  // MARK: Framing

  private static func next(
    _ bytes: SharedBytes, _ position: inout Int, file: String
  ) throws(FormatError) -> [UInt8]? {
    var record: [UInt8] = []
    var isInside = false
    while true {
      let rest = blockSize - position % blockSize
      if rest < headerSize { position += rest }
      guard position < bytes.count else {
        guard !isInside else { throw FormatError(.truncated, file: file, "ends within a record") }
        return nil
      }
      guard bytes.count - position >= headerSize else {
        throw FormatError(.truncated, file: file, "ends within a record")
      }
      let checksum: UInt32 = bytes.integer(at: position)
      let count = Int(bytes.integer(at: position + 4) as UInt16)
      let type: UInt8 = bytes.integer(at: position + 6)
      let end = position + headerSize + count
      guard (1...4).contains(type), headerSize + count <= blockSize - position % blockSize else {
        throw FormatError(.malformed, file: file, "has a record that leaves its block")
      }
      guard end <= bytes.count else { throw FormatError(.truncated, file: file, "ends within a record") }
      let data = bytes.array(position + headerSize..<end)
      guard CRC32.ieee([type] + data) == checksum, isInside == (type > 2) else {
        throw FormatError(.malformed, file: file, "has a record with a wrong checksum or out of order")
      }
      position = end
      record += data
      guard record.count <= maximumRecord else { throw FormatError(.tooLarge, file: file, "has a record too large") }
      if type == 1 || type == 4 { return record }
      isInside = true
    }
  }

  // MARK: Messages

  private typealias Config = [(key: JSONString, value: JSONValue)]

  private static func read(
    _ bytes: [UInt8], into log: inout RunLog, config: inout Config
  ) throws(ProtobufReader.Malformed) {
    var record = ProtobufReader(bytes, 0..<bytes.count)
    while let (field, value) = try record.next() {
      guard case .bytes(let range) = value else { continue }
      switch field {
      case 2: try readHistory(bytes, range, into: &log)
      case 5: try readConfig(bytes, range, into: &config)
      case 17:
        var run = ProtobufReader(bytes, range)
        while let (field, value) = try run.next() {
          if field == 4, case .bytes(let range) = value { try readConfig(bytes, range, into: &config) }
        }
      default: break
      }
    }
  }

  /// The keys under which trainers log the step that W&B's own counter is not.
  private static let stepKeys = ["trainer/global_step", "train/global_step", "global_step", "_step"]

  private static func readHistory(
    _ bytes: [UInt8], _ range: Range<Int>, into log: inout RunLog
  ) throws(ProtobufReader.Malformed) {
    var row: [(key: String, value: Double)] = []
    var step = 0
    var history = ProtobufReader(bytes, range)
    while let (field, value) = try history.next() {
      guard case .bytes(let range) = value else { continue }
      switch field {
      case 1:
        let item = try item(bytes, range)
        if let number = item.value?.double { row.append((item.path.joined(separator: "."), number)) }
      case 2:
        var message = ProtobufReader(bytes, range)
        while let (field, value) = try message.next() {
          if field == 1, case .varint(let raw) = value { step = Int(Int64(bitPattern: raw)) }
        }
      default: break
      }
    }
    append(row, loggedAt: step, to: &log)
  }

  /// Appends numbers under the step that they say themselves, else W&B's own.
  private static func append(_ row: [(key: String, value: Double)], loggedAt step: Int, to log: inout RunLog) {
    var step = step
    for key in stepKeys {
      guard let value = row.first(where: { $0.key == key })?.value, let own = Int(exactly: value) else { continue }
      step = own
      break
    }
    for (key, value) in row where !key.hasPrefix("_") { log.append(key, step: step, value) }
  }

  private static func readConfig(
    _ bytes: [UInt8], _ range: Range<Int>, into config: inout Config
  ) throws(ProtobufReader.Malformed) {
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      guard field == 1, case .bytes(let range) = value else { continue }
      let item = try item(bytes, range)
      // A nested update names a part of an entry that was given whole before or is of no interest here.
      guard item.path.count == 1, let value = item.value, item.path[0] != "_wandb", config.count < 1 << 16 else {
        continue
      }
      config.append((JSONString(item.path[0]), value))
    }
  }

  /// A `HistoryItem` or `ConfigItem`, whose value is JSON text or, in newer versions, a field of its own.
  private static func item(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(ProtobufReader.Malformed) -> (path: [String], value: JSONValue?) {
    var path: [String] = []
    var result: JSONValue?
    var reader = ProtobufReader(bytes, range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)) where !text.isEmpty, (2, .bytes(let text)):
        path.append(String(decoding: bytes[text], as: UTF8.self))
      case (4, .varint(let raw)): result = .bool(raw != 0)
      // A sint64: zigzag.
      case (5, .varint(let raw)): result = .integer(Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1))
      case (6, .fixed64(let bits)): result = .number(Double(bitPattern: bits))
      case (8, .bytes(let text)), (16, .bytes(let text)):
        result = try? JSONParser.parse(Array(bytes[text]), file: "", options: .init(allowsNonFinite: true))
      default: break
      }
    }
    return (path, result)
  }
}
