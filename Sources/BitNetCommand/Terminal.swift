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
  static func write(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }

  /// Writes a line to standard error.
  static func note(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }

  /// Shows what is being done on one line of standard error; nothing when that is no terminal.
  static func progress(_ text: String) {
    guard standardErrorIsTerminal else { return }
    FileHandle.standardError.write(Data("\r\u{1b}[K\(text)".utf8))
  }

  /// Removes the progress line.
  static func endProgress() { progress("") }

  /// A value as JSON.
  static func writeJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    write(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
  }
}

/// Turns Ctrl-C and SIGTERM into a request to stop, as long as it lives, so that a program ends in its own way.
final class Interruption: Sendable {
  /// The exit status of a program that was interrupted.
  static let exitCode = ExitCode(128 + SIGINT)

  private let flag = Flag()
  // Dispatch sources may be cancelled from any thread.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  private final class Flag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  /// - Parameter handler: called at each request, on another thread.
  init(_ handler: @escaping @Sendable () -> Void = {}) {
    let flag = flag
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        flag.isSet.store(true, ordering: .relaxed)
        handler()
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
  var isRequested: Bool { flag.isSet.load(ordering: .relaxed) }
}
