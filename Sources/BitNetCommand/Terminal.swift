import ArgumentParser
import Dispatch
import Foundation
import Synchronization

/// Output and interruption, as a terminal program does them.
enum Terminal {
  static let standardOutputIsTerminal = isatty(STDOUT_FILENO) == 1
  static let standardErrorIsTerminal = isatty(STDERR_FILENO) == 1
  static let standardInputIsTerminal = isatty(STDIN_FILENO) == 1

  /// Writes text to standard output at once.
  ///
  /// - Throws: ``OutputError``; an exit code without a message when the reader has gone, as in `| head`.
  static func write(_ text: String) throws {
    do {
      // Not `write(_:)`, which ends the program with a stack trace when the disk is full or the reader has gone.
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      let reason = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
      guard let code = reason.map({ Int32($0.code) }) else { throw OutputError(reason: "\(error)") }
      if code == EPIPE { throw ExitCode(128 + SIGPIPE) }
      throw OutputError(reason: String(cString: strerror(code)))
    }
  }

  /// Writes what a model said. On a terminal, control characters other than line breaks and tabs are left out: a model
  /// must not move the cursor.
  ///
  /// - Throws: as ``write(_:)``.
  static func write(said text: String) throws {
    try write(standardOutputIsTerminal ? withoutControls(text) : text)
  }

  /// Writes a line to standard error; when that fails there is no better place for it.
  static func note(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
  }

  private static func withoutControls(_ text: String) -> String {
    let kept = text.unicodeScalars.filter {
      $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control
    }
    return String(String.UnicodeScalarView(kept))
  }

  /// Shows what is being done on one line of standard error; nothing when that is no terminal.
  static func progress(_ text: String) {
    guard standardErrorIsTerminal else { return }
    try? FileHandle.standardError.write(contentsOf: Data("\r\u{1b}[K\(text)".utf8))
  }

  /// Removes the progress line.
  static func endProgress() { progress("") }

  /// A value as JSON.
  static func writeJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    try write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
  }
}

/// Standard output cannot be written.
struct OutputError: Error, CustomStringConvertible {
  let reason: String

  var description: String { "standard output cannot be written: \(reason)." }
}

/// Turns Ctrl-C and SIGTERM into a request to stop, as long as it lives, so that a program ends in its own way.
final class Interruption: Sendable {
  private let flag = Flag()
  // Dispatch sources may be cancelled from any thread.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  private final class Flag: Sendable {
    let signal = Atomic<Int32>(0)
  }

  /// - Parameters:
  ///   - repeats: whether later requests are handled too; otherwise the second ends the program at once, for those who
  ///     do not want to wait for the next place to stop.
  ///   - handler: called with the signal at each request, on another thread.
  init(repeats: Bool = false, _ handler: @escaping @Sendable (_ signal: Int32) -> Void = { _ in }) {
    let flag = flag
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        flag.signal.store(number, ordering: .relaxed)
        if !repeats { signal(number, SIG_DFL) }
        handler(number)
      }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
    signal(SIGINT, SIG_DFL)
    signal(SIGTERM, SIG_DFL)
  }

  /// Whether the user asked to stop.
  var isRequested: Bool { flag.signal.load(ordering: .relaxed) != 0 }

  /// The exit status of a program that was interrupted so: 130 for Ctrl-C, 143 for SIGTERM.
  var exitCode: ExitCode { ExitCode(128 + flag.signal.load(ordering: .relaxed)) }
}
