import BitNet
import Foundation
import TestSupport
import Testing

/// What a model's files say about block diffusion, and what is refused.
@Suite struct BlockDiffusionRefusalTests {
  private let lists = TestFiles.goldenPath("diffusion/tiny-lists")
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func model(_ path: String) throws -> Model {
    try Model(contentsOf: URL(filePath: path), options: .init(threads: 1))
  }

  /// A copy of the trained model with other files.
  private func copy(_ changes: [String: String?]) throws -> Model {
    for name in try FileManager.default.contentsOfDirectory(atPath: lists) where changes[name] == nil {
      try FileManager.default.copyItem(atPath: "\(lists)/\(name)", toPath: "\(folder.path)/\(name)")
    }
    for case (let name, let text?) in changes { _ = try folder.write(name, text) }
    return try model(folder.path)
  }

  @Test func `the trained model declares everything and passes the probe`() throws {
    let model = try model(lists)
    let options = try model.blockDiffusionOptions()
    #expect(options.maskToken == 259 && options.blockSize == 32 && options.attention == .bidirectional)
    #expect(model.declaresDiffusionAttention)
    try model.checkBlockDiffusion(options)
    let probe = try #require(try model.diffusionProbe(options))
    #expect(probe.lostShare < 0.25, "\(probe)")
  }

  @Test(arguments: ["trained/tiny-dense", "trained/tiny-bitnet", "trained/tiny-untrained", "models/bitnet-online"])
  func `a model that was not trained for it is refused, whatever token is named`(name: String) throws {
    let model = try model(TestFiles.goldenPath(name))
    #expect { try model.blockDiffusionOptions() } throws: {
      guard case ModelError.missingMaskToken(_, let candidates) = $0 else { return false }
      return candidates.isEmpty
    }
    for token in [1, 2, 150, 300, model.configuration.vocabularySize - 1] {
      let options = try model.blockDiffusionOptions(maskToken: "\(token)")
      #expect { try model.checkBlockDiffusion(options) } throws: {
        if case ModelError.notTrainedForDiffusion = $0 { true } else { false }
      }
    }
  }

  @Test func `without metadata the vocabulary tells`() throws {
    let model = try copy(["dlm_config.json": nil])
    #expect(try model.blockDiffusionOptions().maskToken == 259)
    #expect(!model.declaresDiffusionAttention)
    #expect(try model.blockDiffusionOptions(maskToken: "|<MASK>|").maskToken == 259)
    #expect(try model.blockDiffusionOptions(maskToken: "7").maskToken == 7)
  }

  @Test func `a token that is not there is refused with the candidates`() throws {
    #expect { try model(lists).blockDiffusionOptions(maskToken: "<nothing>") } throws: {
      "\($0)".contains("|<MASK>| (259)")
    }
    #expect(throws: ModelError.invalidToken(260, vocabularySize: 260)) {
      try model(lists).blockDiffusionOptions(maskToken: "260")
    }
  }

  @Test(arguments: [
    (#"{"mask_token_id": 0, "mask_token": "|<MASK>|"}"#, "mask_token_id says 0; dlm_config.json mask_token says 259"),
    (#"{"mask_token_id": 999}"#, "token 999 is not in the vocabulary"),
    (#"{"mask_token_id": 259, "attention": "sideways"}"#, "sideways"),
    (#"{"mask_token_id": 259, "token_shift": false}"#, "without token shift"),
    (#"{"mask_token_id": 259, "bd_size": 0}"#, "the block size is 0"),
  ]) func `metadata that cannot be right is refused`(json: String, message: String) throws {
    let model = try copy(["dlm_config.json": json])
    #expect { try model.blockDiffusionOptions() } throws: { "\($0)".contains(message) }
  }

  @Test func `GGUF metadata is read`() throws {
    var file = TinyLlama()
    file.set("bitnet.diffusion.mask_token_id", .u32(47))
    file.set("bitnet.diffusion.block_size", .u32(16))
    file.set("bitnet.diffusion.attention", .string("causal"))
    let model = try model(file.write(to: folder))
    let options = try model.blockDiffusionOptions()
    #expect(options.maskToken == 47 && options.blockSize == 16 && options.attention == .causal)
    #expect(throws: ModelError.self) { try model.checkBlockDiffusion(options) }
  }

  @Test func `options out of range are refused before anything is computed`() throws {
    let model = try model(lists)
    let base = try model.blockDiffusionOptions()
    let wrong: [(inout BlockDiffusionOptions) -> Void] = [
      { $0.threshold = 0 }, { $0.threshold = 1.01 }, { $0.threshold = .nan }, { $0.blockSize = 0 },
      { $0.blockSize = 1 << 20 }, { $0.subBlockSize = 5 }, { $0.subBlockSize = 0 }, { $0.maskToken = -1 },
    ]
    for change in wrong {
      var options = base
      change(&options)
      #expect(throws: ModelError.self, "\(options)") {
        try model.makeSession().generate([1], options: .init(blockDiffusion: options)) { _ in }
      }
    }
  }
}
