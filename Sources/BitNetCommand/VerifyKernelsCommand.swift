import ArgumentParser
import BitNetDiagnostics
import Kernels

struct VerifyKernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-kernels",
    abstract: "Hold every kernel that this processor can run to the scalar specification.",
    discussion: """
      Random, extreme and odd-shaped inputs; integers and floats must agree to the last bit. Exits with 1 if any differs.

      Examples:
        bitnet verify-kernels
        bitnet verify-kernels --json
      """)

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let verification = try KernelVerification(progress: Terminal.progress)
    Terminal.endProgress()
    if json {
      try Terminal.writeJSON(verification.rows.map(JSONRow.init))
    } else {
      var table = TextTable(["instruction set", "kernel", "cases", "differences"], [.left, .left, .right, .right])
      for row in verification.rows {
        table.add([row.instructionSet.rawValue, row.kernel, "\(row.cases)", "\(row.failures)"])
      }
      Terminal.write(table.lines.joined(separator: "\n") + "\n")
      for row in verification.rows where row.failures > 0 {
        Terminal.write("\(row.instructionSet.rawValue), \(row.kernel): first at \(row.firstFailure ?? "")\n")
      }
      Terminal.write(verification.isClean ? "all agree\n" : "KERNELS DIFFER: do not trust this build on this machine\n")
    }
    if !verification.isClean { throw ExitCode.failure }
  }

  private struct JSONRow: Encodable {
    var instructionSet: String
    var kernel: String
    var cases: Int
    var differences: Int
    var firstDifference: String?

    init(_ row: KernelVerification.Row) {
      instructionSet = row.instructionSet.rawValue
      kernel = row.kernel
      cases = row.cases
      differences = row.failures
      firstDifference = row.firstFailure
    }
  }
}
