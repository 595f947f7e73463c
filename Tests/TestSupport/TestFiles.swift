#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif
package import Foundation
import Kernels
import ModelFormats

/// Where tests find files.
package enum TestFiles {
  /// `Tests/Golden`, with values that independent implementations made.
  package static let golden = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Golden")

  /// Where fetched models are kept.
  package static let cache = URL(
    fileURLWithPath: ProcessInfo.processInfo.environment["BITNET_CACHE"]
      ?? NSHomeDirectory() + "/.cache/bitnet")

  /// A real file of 272 tensors in Q4_1, Q8_0 and F32.
  package static let smolLM2 = cache.appendingPathComponent("SmolLM2-135M-Instruct.Q4_1.gguf").path

  /// Whether the real file was fetched.
  package static let hasSmolLM2 = FileManager.default.fileExists(atPath: smolLM2)

  /// The path of a file of the repository.
  package static func repositoryPath(_ name: String) -> String {
    golden.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(name).path
  }

  /// The path of a golden file.
  package static func goldenPath(_ name: String) -> String { golden.appendingPathComponent(name).path }

  /// The bytes of a golden file.
  package static func goldenBytes(_ name: String) throws -> [UInt8] {
    let bytes = try MappedFile(path: goldenPath(name)).bytes
    return bytes.array(0..<bytes.count)
  }

  /// The little-endian 32-bit words of a golden file.
  package static func goldenWords(_ name: String) throws -> [UInt32] {
    let bytes = try MappedFile(path: goldenPath(name)).bytes
    return (0..<(bytes.count / 4)).map { bytes.integer(at: 4 * $0) }
  }
}

/// A folder that vanishes with the object.
package final class TemporaryFolder: Sendable {
  package let path: String

  package init() throws {
    path = NSTemporaryDirectory() + "/bitnet-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders that its name has, and returns its path.
  @discardableResult
  package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    if let slash = file.lastIndex(of: "/") {
      try FileManager.default.createDirectory(atPath: String(file[..<slash]), withIntermediateDirectories: true)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Writes a text file and returns its path.
  @discardableResult
  package func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}

/// The most memory that the process has had so far, in bytes.
package func peakResidentBytes() -> Int {
  var usage = rusage()
  #if canImport(Darwin)
  getrusage(RUSAGE_SELF, &usage)
  return usage.ru_maxrss
  #elseif canImport(Musl)
  getrusage(RUSAGE_SELF, &usage)
  return Int(usage.ru_maxrss) * 1024
  #else
  getrusage(RUSAGE_SELF.rawValue, &usage)
  return usage.ru_maxrss * 1024
  #endif
}
