import Kernels

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Writes series of numbers as TensorBoard shows them, into a new event file of a folder.
///
/// A file is a sequence of TFRecords, each an `Event` message. Every record is written at once and whole, so that
/// whoever follows the file sees it at the next look, and a killed process loses nothing that was added.
package final class TensorBoardWriter {
  /// The path of the file: `FOLDER/events.out.tfevents.SECONDS.bitnet.PROCESS.NUMBER`.
  package let path: String
  private let descriptor: Int32
  private var count = 0

  /// Begins an event file; the folder must exist. TensorBoard joins the files of a folder in the order of their names,
  /// so that a resumed run simply begins another one.
  ///
  /// - Parameter resumedFrom: the step that the run was resumed from: what earlier files say about later steps is no
  ///   longer shown.
  /// - Throws: `unwritable` if the file cannot be created.
  package init(folder: String, resumedFrom: Int? = nil) throws(FormatError) {
    let now = TensorBoardWriter.now()
    let stem = "\(folder)/events.out.tfevents.\(Int(now)).bitnet.\(getpid())"
    var opened: Int32 = -1, number = 0
    repeat {
      opened = open("\(stem).\(number)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      number += 1
    } while opened < 0 && errno == EEXIST
    path = "\(stem).\(number - 1)"
    descriptor = opened
    guard descriptor >= 0 else { throw failure(errno) }
    var version = ProtobufWriter()
    version.append(1, now)
    version.append(3, "brain.Event:2")
    try append(version.bytes)
    if let resumedFrom {
      var session = ProtobufWriter()
      session.append(1, varint: 1)  // SessionLog.START
      var event = ProtobufWriter()
      event.append(1, now)
      // The first step whose earlier values are void.
      event.append(2, varint: UInt64(max(0, resumedFrom)) + 1)
      event.append(7, session.bytes)
      try append(event.bytes)
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Adds one point to each of the named series.
  ///
  /// - Parameters:
  ///   - scalars: names such as `train/loss`, and values, which are kept in 32 bits.
  ///   - step: the optimizer step, from 0.
  ///   - wallTime: seconds since 1970; now if `nil`.
  /// - Throws: `unwritable`, in particular if the disk is full.
  package func add(
    _ scalars: [(tag: String, value: Double)], step: Int, wallTime: Double? = nil
  ) throws(FormatError) {
    var summary = ProtobufWriter()
    for scalar in scalars {
      var value = ProtobufWriter()
      value.append(1, scalar.tag)
      value.append(2, Float(scalar.value))
      summary.append(1, value.bytes)
    }
    var event = ProtobufWriter()
    event.append(1, wallTime ?? TensorBoardWriter.now())
    event.append(2, varint: UInt64(bitPattern: Int64(step)))
    event.append(5, summary.bytes)
    try append(event.bytes)
  }

  /// Waits until everything added is on the disk.
  ///
  /// - Throws: `unwritable`.
  package func synchronize() throws(FormatError) {
    guard fsync(descriptor) == 0 else { throw failure(errno) }
  }

  private func append(_ data: [UInt8]) throws(FormatError) {
    var record = ProtobufWriter()
    record.appendLittleEndian(UInt64(data.count))
    record.appendLittleEndian(TFRecord.maskedChecksum(record.bytes))
    let head = record.bytes
    var tail = ProtobufWriter()
    tail.appendLittleEndian(TFRecord.maskedChecksum(data))
    let bytes = head + data + tail.bytes
    let code = SharedBytes(copying: bytes).write(to: descriptor, at: count)
    guard code == 0 else { throw failure(code) }
    count += bytes.count
  }

  private func failure(_ code: Int32) -> FormatError {
    FormatError(
      .unwritable, file: path, "cannot be written: \(String(cString: strerror(code)))",
      remedy: code == ENOSPC || code == EFBIG || code == EDQUOT
        ? "Free some space or choose another disk." : "Check the folder and its permissions.")
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
