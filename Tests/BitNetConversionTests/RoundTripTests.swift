import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import ModelFormats
import TestSupport
import Testing

/// What survives the way from a folder to a GGUF file and back.
@Suite struct RoundTripTests {
  private func roundTrip(_ source: String, in target: TemporaryFolder) throws -> String {
    let file = target.path + "/model.gguf", back = target.path + "/back"
    _ = try ConversionTests.convert(source, to: file)
    _ = try ConversionTests.convert(file, to: back) { $0.destination = .safetensors }
    return back
  }

  @Test func `the parameters of Llama 3's rotary scaling come back`() throws {
    let target = try TemporaryFolder()
    let source = TestFiles.goldenPath("models/llama-tied")
    let back = try roundTrip(source, in: target)
    let expected = try #require(try HFConfig(path: source + "/config.json").ropeScaling)
    #expect(expected.type == "llama3")
    #expect(try HFConfig(path: back + "/config.json").ropeScaling == expected)
    // A file made of the file keeps them too.
    let again = target.path + "/again.gguf", twice = target.path + "/twice"
    _ = try ConversionTests.convert(target.path + "/model.gguf", to: again) { $0.weightType = .f32 }
    _ = try ConversionTests.convert(again, to: twice) { $0.destination = .safetensors }
    #expect(try HFConfig(path: twice + "/config.json").ropeScaling == expected)
  }

  @Test(arguments: [true, false])
  func `factors that follow from no known parameters become no folder`(lacksParameters: Bool) throws {
    let target = try TemporaryFolder()
    let path = target.path + "/model.gguf", changed = target.path + "/changed.gguf"
    _ = try ConversionTests.convert(TestFiles.goldenPath("models/llama-tied"), to: path)
    let file = try GGUFFile(path: path)
    let metadata = file.metadata.compactMap { key, value -> (key: String, value: GGUFNewValue)? in
      guard key == "bitnet.rope_scaling.factor" else { return (key, .copied(value)) }
      return lacksParameters ? nil : (key, .f32(16))
    }
    let writer = try GGUFWriter(
      path: changed,
      layout: GGUFLayout(metadata: metadata, tensors: file.tensors.map { ($0.name, $0.shape, $0.type) }, file: changed))
    for (index, tensor) in file.tensors.enumerated() { try writer.append(tensor.bytes, to: index) }
    try writer.finish()
    let error = try #require(throws: ConversionError.self) {
      try ConversionTests.convert(changed, to: target.path + "/folder") { $0.destination = .safetensors }
    }
    #expect(error.description.contains("rope_freqs.weight") && error.description.contains("original folder"))
  }

  @Test(arguments: [#"{"bd_size": 32, "mask_token_id": 3}"#, #"{"bd_size": 32, "mask_token": "<|im_end|>"}"#])
  func `a mask token that only dlm_config.json names is the same after the way back`(config: String) throws {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder("trained/tiny-bitnet")
    folder.files["dlm_config.json"] = config
    try folder.write(to: target.path + "/source")
    let back = try roundTrip(target.path + "/source", in: target)
    for other in [target.path + "/model.gguf", back] {
      let comparison = try Comparison(
        of: Checkpoint(path: target.path + "/source"), with: Checkpoint(path: other),
        options: .init(tokens: [5, 60, 91], threads: 2))
      #expect(comparison.isSame, "\(comparison.conclusion)")
      let mask = try #require(comparison.tokenizer?.settings.first { $0.name == "mask" })
      #expect(mask.a == mask.b && mask.a != "none")
    }
  }

  @Test func `files behind links are copied, and a link that leads nowhere is an error`() throws {
    let target = try TemporaryFolder(), files = FileManager.default
    let blobs = target.path + "/blobs", source = target.path + "/source"
    try FaultyFolder("trained/tiny-bitnet").write(to: blobs)
    try files.createDirectory(atPath: source, withIntermediateDirectories: true)
    for name in try files.contentsOfDirectory(atPath: blobs) {
      try files.createSymbolicLink(atPath: "\(source)/\(name)", withDestinationPath: "../blobs/\(name)")
    }
    let output = target.path + "/deep/result"
    try files.createDirectory(atPath: target.path + "/deep", withIntermediateDirectories: true)
    _ = try ConversionTests.convert(source, to: output) { $0.destination = .safetensors }
    #expect(try files.attributesOfItem(atPath: output + "/tokenizer.json")[.type] as? FileAttributeType == .typeRegular)
    try files.removeItem(atPath: blobs + "/tokenizer.json")
    let error = try #require(throws: FormatError.self) {
      try ConversionTests.convert(source, to: target.path + "/model.gguf")
    }
    #expect(error.description.contains("tokenizer.json: is a link to a file that is not there"))
  }

  @Test func `a number that GGUF cannot hold is refused before anything is written`() throws {
    let target = try TemporaryFolder()
    var folder = try FaultyFolder("models/bitnet-online")
    folder.configure("\"rope_theta\": 500000.0", "\"rope_theta\": 1e300")
    try folder.write(to: target.path + "/source")
    let error = try #require(throws: ModelError.self) {
      try Conversion.run(
        Checkpoint(path: target.path + "/source"), to: target.path + "/model.gguf", isDryRun: true)
    }
    #expect(error.description.contains("rope_theta is 1e+300"))
  }
}
