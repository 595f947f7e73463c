import BitNet
import BitNetConversion
import Foundation
import ModelFormats
import TestSupport
import Testing

/// When a result takes its name, and what had the name before.
@Suite struct ResultTests {
  private static let online = "models/bitnet-online"

  private func contents(_ folder: String) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder)
    return Dictionary(
      uniqueKeysWithValues: names.map { ($0, FileManager.default.contents(atPath: "\(folder)/\($0)") ?? Data()) })
  }

  @Test(arguments: ConversionOptions.Destination.allCases)
  func `what does not prove right never takes the name, and what had it stays`(
    destination: ConversionOptions.Destination
  ) throws {
    let target = try TemporaryFolder()
    let output = target.path + "/result", partial = target.path + "/.result.partial"
    _ = try ConversionTests.convert(TestFiles.goldenPath(ResultTests.online), to: output) {
      $0.destination = destination
    }
    let before = try contents(target.path)
    var options = ConversionOptions()
    (options.destination, options.overwrites) = (destination, true)
    // A disk that forgets what it was given.
    let weights = destination == .gguf ? partial : partial + "/model.safetensors"
    let error = try #require(throws: ConversionError.self) {
      try Conversion.run(Checkpoint(path: TestFiles.goldenPath(ResultTests.online)), to: output, options: options) {
        if $0.hasPrefix("verifying"), let file = FileHandle(forUpdatingAtPath: weights) {
          _ = try? file.seekToEnd()
          let end = (try? file.offset()) ?? 0
          try? file.seek(toOffset: end - min(end, 4096))
          try? file.write(contentsOf: Data(repeating: 0x55, count: 4096))
        }
      }
    }
    #expect(error.description.hasPrefix(output + ": tensor "), "\(error)")
    #expect(try contents(target.path) == before)
  }

  @Test func `what cannot be read again is named as it was to be called`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/result"
    var options = ConversionOptions()
    options.destination = .safetensors
    let error = try #require(throws: ConversionError.self) {
      try Conversion.run(Checkpoint(path: TestFiles.goldenPath(ResultTests.online)), to: output, options: options) {
        guard $0.contains("%") else { return }
        try? FileManager.default.removeItem(atPath: target.path + "/.result.partial/config.json")
      }
    }
    #expect(error.description.contains("\(output): has no config.json"), "\(error)")
    #expect(!error.description.contains("partial"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: target.path).isEmpty)
  }

  @Test func `a folder is not written by two at once`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/result"
    var second: (any Error)?
    var options = ConversionOptions()
    options.destination = .safetensors
    let checkpoint = try Checkpoint(path: TestFiles.goldenPath(ResultTests.online))
    _ = try Conversion.run(checkpoint, to: output, options: options) { step in
      guard second == nil, step.contains("%") else { return }
      do { _ = try Conversion.run(checkpoint, to: output, options: options) } catch { second = error }
    }
    #expect("\(try #require(second as? FormatError))".contains("another process"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: target.path) == ["result"])
    _ = try Checkpoint(path: output)
  }

  @Test func `the rest of a killed run is taken over`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/result", files = FileManager.default
    try files.createDirectory(atPath: target.path + "/.result.partial/x", withIntermediateDirectories: true)
    // Killed between moving the old folder away and giving the new one its name.
    try files.createDirectory(atPath: target.path + "/.result.replaced", withIntermediateDirectories: true)
    _ = try ConversionTests.convert(TestFiles.goldenPath(ResultTests.online), to: output) {
      $0.destination = .safetensors
    }
    #expect(try files.contentsOfDirectory(atPath: target.path) == ["result"])
    #expect(!files.fileExists(atPath: output + "/x"))
  }

  @Test func `a link that leads nowhere is a name that is taken`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/model.gguf"
    try FileManager.default.createSymbolicLink(atPath: output, withDestinationPath: "nowhere")
    let error = try #require(throws: ConversionError.self) {
      try ConversionTests.convert(TestFiles.goldenPath(ResultTests.online), to: output)
    }
    #expect(error == .exists(path: output))
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: output) == "nowhere")
  }
}
