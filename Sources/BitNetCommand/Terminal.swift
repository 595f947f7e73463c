import ArgumentParser
import BitNetDiagnostics
import Dispatch
import Foundation
import Synchronization

/// Output and interruption, as a terminal program does them.
enum Terminal {
  static let standardOutputIsTerminal = isatty(STDOUT_FILENO) == 1
  static let standardErrorIsTerminal = isatty(STDERR_FILENO) == 1
  static let standardInputIsTerminal = isatty(STDIN_FILENO) == 1

  /// Bold on a terminal that can show it, unless the user asked for no markup (https://no-color.org).
  static var reportStyle: ReportStyle {
    let environment = ProcessInfo.processInfo.environment
    let wantsNone = environment["NO_COLOR"].map { !$0.isEmpty } ?? false
    return standardOutputIsTerminal && !wantsNone && environment["TERM"] != "dumb" ? .bold : .plain
  }

  /// Writes text to standard output at once.
  ///
  /// Without a reader nobody would see more, so the program ends: by SIGPIPE as every filter does, and here when
  /// standard output is closed or the disk is full.
  static func write(_ text: String) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    } catch {
      let code = errno
      // SIGPIPE is ignored under some supervisors: then this is where a reader that has gone shows.
      if code == EPIPE { _exit(128 + SIGPIPE) }
      note("Error: standard output cannot be written: \(String(cString: strerror(code))).")
      _exit(ExitCode.failure.rawValue)
    }
  }

  /// Writes what a model said. On a terminal, control characters other than line breaks and tabs are left out: a model
  /// must not move the cursor.
  static func write(said text: String) { write(standardOutputIsTerminal ? withoutControls(text) : text) }

  private static func withoutControls(_ text: String) -> String {
    let kept = text.unicodeScalars.filter {
      $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control
    }
    return String(String.UnicodeScalarView(kept))
  }

  /// Writes a line to standard error.
  static func note(_ text: String) { writeToStandardError(text + "\n") }

  /// Shows what is being done on one line of standard error; nothing when that is no terminal.
  static func progress(_ text: String) {
    guard standardErrorIsTerminal else { return }
    writeToStandardError("\r\u{1b}[K\(text)")
  }

  // There is nowhere left to say that standard error cannot be written.
  private static func writeToStandardError(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Removes the progress line.
  static func endProgress() { progress("") }

  /// Everything on standard input.
  static func readAll() throws -> String {
    guard let text = String(validating: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) else {
      throw TextError(path: "standard input", problem: "is not UTF-8 text")
    }
    return text
  }

  /// A value as JSON, on one line unless it is to be pretty.
  static func writeJSON(_ value: some Encodable, isPretty: Bool = true) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
  }
}

/// A text that cannot be used.
struct TextError: Error, CustomStringConvertible {
  let path: String
  let problem: String

  var description: String { "\(path): \(problem)." }
}

/// The text in a file.
func readText(_ path: String) throws -> String {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw TextError(path: path, problem: "cannot be read; is it there, and a file?")
  }
  guard let text = String(validating: data, as: UTF8.self) else {
    throw TextError(path: path, problem: "is not UTF-8 text")
  }
  return text
}

/// Turns Ctrl-C and SIGTERM into a request to stop, as long as it lives, so that a program ends in its own way.
final class Interruption: Sendable {
  private let request = Request()
  // Dispatch sources may be cancelled from any thread.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  private final class Request: Sendable {
    /// The signal; 0 when there was none.
    let signal = Atomic<Int32>(0)
  }

  /// - Parameters:
  ///   - repeats: whether later requests are handled too; otherwise the second ends the program at once, for those who
  ///     do not want to wait for the next place to stop.
  ///   - handler: called at each request with the exit status that the signal stands for, on another thread.
  init(repeats: Bool = false, _ handler: @escaping @Sendable (ExitCode) -> Void = { _ in }) {
    let request = request
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        request.signal.store(number, ordering: .relaxed)
        if !repeats { signal(number, SIG_DFL) }
        handler(ExitCode(128 + number))
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

  /// The exit status of a program that was asked to stop, as a shell reports it: 130 for Ctrl-C, 143 for SIGTERM; `nil`
  /// when nobody asked.
  var exitCode: ExitCode? {
    let signal = request.signal.load(ordering: .relaxed)
    return signal == 0 ? nil : ExitCode(128 + signal)
  }
}
