import BitNet
import BitNetDiagnostics
import Foundation
import Kernels
import TestSupport
import Testing

/// Damage to so few weights that the norm over their tensor does not show it.
@Suite struct LocalDamageTests {
  private static let up = "model.layers.1.mlp.up_proj.weight"
  private static let embedding = "model.embed_tokens.weight"

  private func compare(_ a: TemporaryFolder, _ b: TemporaryFolder) throws -> Comparison {
    try Comparison(
      of: Checkpoint(path: a.path), with: Checkpoint(path: b.path), options: .init(tokens: [5, 60, 91], threads: 2))
  }

  private func status(_ comparison: Comparison, _ name: String) -> TensorComparison.Status? {
    comparison.tensors.first { $0.name == name }?.status
  }

  /// Rounds the floats of a tensor to their upper halves.
  private func storeAsBF16(_ model: inout PlantedModel, _ name: String) throws {
    var weights = try #require(model[name])
    guard weights.type == .f32 else { return }
    weights.bytes = weights.floats.flatMap { value in
      // To the nearest; ties do not matter here.
      let bits = (value.bitPattern + 0x8000) >> 16
      return [UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8)]
    }
    weights.type = .bf16
    model[name] = weights
  }

  /// One element of 32768, by a tenth of what the elements are worth: 5e-4 of the norm, where bf16 rounds 4e-3.
  @Test(arguments: [true, false])
  func `one damaged element is told, whether the types are equal or not`(equalTypes: Bool) throws {
    var model = try PlantedModel("trained/tiny-dense")
    if equalTypes { try storeAsBF16(&model, LocalDamageTests.embedding) }
    let good = try model.write()
    var other = try PlantedModel("trained/tiny-dense")
    try other.edit(LocalDamageTests.embedding) { values in
      let worth = (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
      values[4321] += worth / 5
    }
    try storeAsBF16(&other, LocalDamageTests.embedding)
    let comparison = try compare(good, other.write())
    let tensor = try #require(comparison.tensors.first { $0.name == "token_embd.weight" })
    #expect(try #require(tensor.relative) < 4e-3)
    #expect(tensor.status == .differs && tensor.pattern == nil)
    #expect(!comparison.isSame)
    #expect(comparison.conclusion.contains("token_embd differs (relative difference"), "\(comparison.conclusion)")
  }

  @Test func `rounding to bf16 is no damage`() throws {
    var model = try PlantedModel("trained/tiny-dense")
    var random = SplitMix(seed: 3)
    for name in model.names {
      try model.edit(name) { $0 = $0.map { $0 * Float.random(in: 0.9...1.1, using: &random) } }
    }
    let exact = try model.write()
    for name in model.names { try storeAsBF16(&model, name) }
    let comparison = try compare(exact, model.write())
    #expect(comparison.isSame, "\(comparison.conclusion)")
    #expect(comparison.tensors.allSatisfy { $0.status == .rounded })
  }

  /// Three of 12288 master weights: far fewer than rounding moves across the border between two trits.
  @Test(arguments: [true, false])
  func `a few damaged master weights are told`(equalTypes: Bool) throws {
    var model = try PlantedModel("trained/tiny-bitnet")
    if !equalTypes { try storeAsBF16(&model, LocalDamageTests.up) }
    let good = try model.write()
    var other = try PlantedModel("trained/tiny-bitnet")
    try other.edit(LocalDamageTests.up) { values in
      let large = values.indices.sorted { abs(values[$0]) > abs(values[$1]) }
      for index in large.prefix(3) { values[index] = 0 }
    }
    let comparison = try compare(good, other.write())
    #expect(status(comparison, "blk.1.ffn_up.weight") == .differs)
    #expect(!comparison.isSame)
  }

  @Test func `a few damaged master weights differ from the trits made of good ones`() throws {
    var model = try PlantedModel("trained/tiny-bitnet")
    try model.edit(LocalDamageTests.up) { values in
      let large = values.indices.sorted { abs(values[$0]) > abs(values[$1]) }
      for index in large.prefix(3) { values[index] = 0 }
    }
    let damaged = try model.write()
    let comparison = try compare(damaged, PlantedModel("trained/tiny-bitnet-packed").write())
    #expect(status(comparison, "blk.1.ffn_up.weight") == .differs)
    #expect(comparison.tensors.filter(\.name.isLinearName).count { $0.status == .differs } == 1)
  }

  @Test(arguments: ["model.layers.1.input_layernorm.weight", up])
  func `what is no number is equal to itself, and named`(tensor: String) throws {
    var model = try PlantedModel("trained/tiny-bitnet")
    try model.edit(tensor) { $0[3] = .nan }
    let folder = try model.write()
    let comparison = try compare(folder, folder)
    #expect(comparison.isSame, "\(comparison.conclusion)")
    #expect(comparison.conclusion == "the same model")
    let part = tensor == LocalDamageTests.up ? "blk.1.ffn_up" : "blk.1.attn_norm"
    #expect(comparison.notes.contains("\(part) holds 1 values in A and 1 in B that are infinite or not a number"))
    #expect(try !compare(PlantedModel("trained/tiny-bitnet").write(), folder).isSame)
  }
}

extension String {
  fileprivate var isLinearName: Bool { contains("ffn_up") || contains("ffn_down") || contains("ffn_gate") }
}
