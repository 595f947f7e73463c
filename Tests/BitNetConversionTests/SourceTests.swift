import BitNet
import BitNetConversion
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// What becomes of the files that a model comes in.
@Suite struct SourceTests {
  /// `make_bitnet_golden.py` cut them with the function that transformers uses: a weight and its scale may be in two files.
  @Test(arguments: ["models/bitnet-online", "models/bitnet-offline"], [WeightType.i2_s, .tq1_0, .tq2_0, .f16])
  func `three shards become what one file becomes`(folder: String, type: WeightType) throws {
    let target = try TemporaryFolder()
    let one = target.path + "/one.gguf", three = target.path + "/three.gguf"
    _ = try ConversionTests.convert(TestFiles.goldenPath(folder), to: one) { $0.weightType = type }
    let report = try ConversionTests.convert(TestFiles.goldenPath(folder + "-shards"), to: three) {
      $0.weightType = type
    }
    #expect(report.verification?.exactTernary == 14)
    #expect(report.verification?.prompts.allSatisfy { $0.cosine > 0.9999 && $0.firstDifference == nil } == true)
    let files = [try GGUFFile(path: one), try GGUFFile(path: three)]
    #expect(files[0].tensors.map(\.name) == files[1].tensors.map(\.name))
    for (a, b) in zip(files[0].tensors, files[1].tensors) {
      #expect(a.bytes.array(0..<a.bytes.count) == b.bytes.array(0..<b.bytes.count), "\(a.name)")
    }
  }

  // sha256sum Tests/Golden/models/bitnet-online-shards/*.safetensors
  static let digests = [
    "c3ee81d73503684aaae249a4548c02e88614be2f2d0d831cc818b3a1852a3840",
    "6ac15157d8fde2b50d51425a693cbe2c5678cb2444eb88aecf1253300cc5cfd1",
    "3550a9f88f8c48aa134a41937fd1e1fff407e7bb728a119af2c3616fdb3d06b6",
  ]

  @Test func `a GGUF file names its source's files with their SHA-256`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/model.gguf"
    let report = try ConversionTests.convert(TestFiles.goldenPath("models/bitnet-online-shards"), to: output)
    let names = (1...3).map { "model-0000\($0)-of-00003.safetensors" } + ["config.json"]
    #expect(report.sourceFiles?.map(\.name) == names)
    let file = try GGUFFile(path: output)
    func strings(_ key: String) throws -> [String] {
      let array = try #require(try file.strings("bitnet.conversion." + key))
      return (0..<array.count).map { String(decoding: array[$0], as: UTF8.self) }
    }
    #expect(try strings("source_files") == names)
    #expect(try strings("source_sha256").prefix(3) == SourceTests.digests[...])
  }

  @Test func `a folder names its source in conversion.json`() throws {
    let target = try TemporaryFolder()
    let output = target.path + "/packed"
    let report = try ConversionTests.convert(TestFiles.goldenPath("models/bitnet-online-shards"), to: output) {
      $0.destination = .safetensors
    }
    let text = try String(contentsOfFile: output + "/conversion.json", encoding: .utf8)
    for file in try #require(report.sourceFiles) { #expect(text.contains(file.sha256)) }
    #expect(text.contains(SourceTests.digests[0]) && text.contains("swift-bitnet"))
  }
}
