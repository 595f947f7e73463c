import BitNet
import BitNetConversion
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Models that Hugging Face transformers made (`Tests/Golden/make_bitnet_golden.py`, `make_trained_golden.py`) through the
/// converter.
@Suite struct ConversionTests {
  static let folders = [
    "models/bitnet-online", "models/bitnet-offline", "models/bitnet-offline-reciprocal", "models/bitnet-ragged",
    "models/llama-bitnet", "trained/tiny-bitnet", "trained/tiny-bitnet-packed",
  ]
  static let dense = ["models/llama-tied", "models/llama-untied", "models/qwen2", "models/qwen3", "trained/tiny-dense"]

  static func convert(
    _ source: String, to output: String, _ change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> ConversionReport {
    var options = ConversionOptions()
    options.threads = 2
    change(&options)
    return try Conversion.run(Checkpoint(path: source), to: output, options: options)
  }

  static func greedy(_ path: String, count: Int = 64) throws -> [Int] {
    let model = try Model(contentsOf: URL(filePath: path), options: .init(threads: 2))
    var tokens: [Int] = []
    try model.makeSession().generate(
      [5, 60, 91], options: .init(maximumTokens: count, sampling: .greedy, stopsAtEnd: false)
    ) { tokens.append($0) }
    return tokens
  }

  static func logits(_ path: String) throws -> [Float] {
    try Model(contentsOf: URL(filePath: path), options: .init(threads: 2)).makeSession().logits(after: [5, 60, 91, 7])
  }

  static func cosine(_ a: [Float], _ b: [Float]) -> Double {
    func product(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
  }

  @Test(arguments: folders)
  func `every type of a BitNet gives the source's logits, and all the same 64 tokens`(folder: String) throws {
    let target = try TemporaryFolder()
    let source = TestFiles.goldenPath(folder)
    let expected = try ConversionTests.logits(source)
    var seen: [Float]?
    var tokens: [Int]?
    for type in WeightType.allCases where type != .packed {
      let path = "\(target.path)/\(type.rawValue).gguf"
      let report = try ConversionTests.convert(source, to: path) { $0.weightType = type }
      let verification = try #require(report.verification)
      #expect(verification.exactTernary == 14, "\(type)")
      #expect(verification.prompts.allSatisfy { $0.cosine > 0.9999 && $0.firstDifference == nil }, "\(type)")
      let logits = try ConversionTests.logits(path)
      #expect(ConversionTests.cosine(logits, expected) > 0.9999, "\(type)")
      #expect(logits == seen ?? logits, "\(type): the same bits whatever the type")
      seen = logits
      let continuation = try ConversionTests.greedy(path)
      #expect(continuation == tokens ?? continuation, "\(type)")
      tokens = continuation
    }
  }

  @Test(arguments: dense, [WeightType.auto, .f32])
  func `dense models keep their logits`(folder: String, type: WeightType) throws {
    let target = try TemporaryFolder()
    let source = TestFiles.goldenPath(folder)
    let path = target.path + "/model.gguf"
    let report = try ConversionTests.convert(source, to: path) { $0.weightType = type }
    #expect(report.verification?.rounded == 0)
    #expect(try ConversionTests.cosine(ConversionTests.logits(path), ConversionTests.logits(source)) > 0.999_999)
  }

  @Test(arguments: folders + dense)
  func `a GGUF file becomes a folder again that gives the same logits`(folder: String) throws {
    let target = try TemporaryFolder()
    let path = target.path + "/model.gguf", back = target.path + "/back", again = target.path + "/again.gguf"
    _ = try ConversionTests.convert(TestFiles.goldenPath(folder), to: path)
    _ = try ConversionTests.convert(path, to: back) { $0.destination = .safetensors }
    _ = try ConversionTests.convert(back, to: again)
    let logits = try ConversionTests.logits(path)
    // With the other rotary order, a head's products are summed in another order.
    #expect(try ConversionTests.cosine(ConversionTests.logits(back), logits) > 0.9999)
    #expect(try ConversionTests.logits(again) == logits)
  }

  @Test func `master weights stay master weights in a folder`() throws {
    let target = try TemporaryFolder()
    let source = TestFiles.goldenPath("models/bitnet-online")
    let path = target.path + "/online"
    let report = try ConversionTests.convert(source, to: path) {
      $0.destination = .safetensors
      $0.weightType = .bf16
    }
    #expect(report.verification?.rounded == 0)
    #expect(try ConversionTests.logits(path) == ConversionTests.logits(source))
  }

  @Test(.enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-smollm2 first"))
  func `SmolLM2 made ternary is the same in every type`() throws {
    let target = try TemporaryFolder()
    var seen: [Float]?
    for type in [WeightType.i2_s, .tq1_0, .tq2_0, .q4_0, .f16] {
      let path = "\(target.path)/\(type.rawValue).gguf"
      let report = try ConversionTests.convert(TestFiles.smolLM2, to: path) {
        $0.weightType = type
        $0.ternarizes = true
        $0.verifies = false
      }
      #expect(report.warnings.contains { $0.contains("BN101") })
      // Rows of 576 are whole blocks of none of the ternary types.
      let fallback = report.tensors.count { $0.to == "Q4_0" }
      #expect(fallback == (type == .q4_0 ? 210 : type == .f16 ? 0 : 180), "\(type)")
      let logits = try ConversionTests.logits(path)
      #expect(logits == seen ?? logits, "\(type)")
      seen = logits
      try FileManager.default.removeItem(atPath: path)
    }
  }
}
