import Foundation
import TestSupport
import Testing

/// The command, which SwiftPM builds beside the tests.
private let command = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "bitnet").path
private let isBuilt = FileManager.default.isExecutableFile(atPath: command)

/// The command as a shell runs it.
@Suite(.enabled(if: isBuilt, "build the product bitnet first")) struct CommandTests {
  private static let model = TestFiles.goldenPath("trained/tiny-bitnet")

  private struct Outcome {
    var status: Int32
    var wasKilled: Bool
    var output: String
    var errors: String
  }

  /// Runs a shell script in which `$0` is the command and `$1`, `$2` … are `arguments`.
  private func shell(_ script: String, _ arguments: String...) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/bash")
    process.arguments = ["-c", script, command] + arguments
    let output = Pipe(), errors = Pipe()
    process.standardOutput = output
    process.standardError = errors
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    let notes = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal, output: text,
      errors: notes)
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "this system has no /dev/full"),
    arguments: ["inspect", "diagnose", "run -p The -n 3"])
  func `a full disk is an error with its reason`(arguments: String) throws {
    let outcome = try shell("$0 \(arguments) \"$1\" > /dev/full", CommandTests.model)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "Error: standard output cannot be written: No space left on device.\n")
  }

  @Test(arguments: ["inspect", "run -p The -n 30 --ignore-eos"])
  func `a reader that has gone ends the command without a word`(arguments: String) throws {
    // With SIGPIPE ignored, as under many process supervisors, writing fails instead of ending the process.
    let outcome = try shell(
      "trap '' PIPE; { sleep 0.3; $0 \(arguments) \"$1\"; echo $? >&2; } | true", CommandTests.model)
    #expect(outcome.errors == "141\n")
  }

  @Test(arguments: ["inspect", "run -p The -n 3"])
  func `a closed standard output is an error`(arguments: String) throws {
    let outcome = try shell("$0 \(arguments) \"$1\" >&-", CommandTests.model)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("Error: standard output cannot be written: "))
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: ["-n -1", "-n 2 -p -x"])
  func `values may begin with a dash`(arguments: String) throws {
    let outcome = try shell("$0 run \"$1\" --temp 0 -p The \(arguments)", CommandTests.model)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(arguments: [("--temp -1", "temperature is -1.0, expected 0 or more"), ("-t -1", "threads is -1")])
  func `a number out of its range is named`(arguments: String, message: String) throws {
    let outcome = try shell("$0 run \"$1\" -p The \(arguments)", CommandTests.model)
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test func `SIGTERM ends a conversation with its own status`() throws {
    let outcome = try shell(
      "$0 chat \"$1\" < <(sleep 5) & sleep 1; kill -TERM $!; wait $!", TestFiles.goldenPath("models/llama-tied"))
    #expect(outcome.status == 143, "\(outcome.errors)")
  }
}
