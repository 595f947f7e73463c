import BitNet
import Foundation
import TestSupport
import Testing
import Tokenization

/// The real SmolLM2-135M against a numpy implementation: `Tests/Golden/smollm2_reference.py`.
@Suite(.enabled(if: TestFiles.hasSmolLM2, "run scripts/fetch-smollm2 first")) struct SmolLM2Tests {
  private struct Reference: Decodable {
    struct Candidate: Decodable {
      let id: Int
      let probability: Double
    }

    let top: [Candidate]
    let entropy: Double
    let p0: Double
    let p2: Double
    let hidden_rms_all_positions: [Double]
  }

  private struct Greedy: Decodable {
    let tokens: [Int]
  }

  private static let prompt = [504, 3575, 282, 4649, 314]

  private static func reference<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
    let data = try Data(contentsOf: TestFiles.golden.appending(path: "smollm2/reference.json"))
    let root = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    return try JSONDecoder().decode(Value.self, from: JSONSerialization.data(withJSONObject: #require(root[key])))
  }

  @Test func `the prompt's ids are those of tokenizers`() throws {
    let model = try Model(contentsOf: URL(filePath: TestFiles.smolLM2))
    #expect(try #require(model.tokenizer).encode("The capital of France is") == Self.prompt)
  }

  /// In bitLinear mode the int8 rounding of a network that was never trained for it amplifies the last bit of the
  /// floats: there the same five tokens in any order, and 20 %.
  @Test(arguments: zip(QuantizationMode.allCases, [0.01, 0.01, 0.2]))
  func `the next token's distribution is numpy's`(mode: QuantizationMode, tolerance: Double) throws {
    let reference = try Self.reference("\(mode.rawValue).float32", as: Reference.self)
    let model = try Model(contentsOf: URL(filePath: TestFiles.smolLM2), options: .init(mode: mode))
    let logits = try model.makeSession().logits(after: Self.prompt).map(Double.init)
    let largest = logits.max() ?? 0
    let total = logits.reduce(0) { $0 + exp($1 - largest) }
    let probabilities = logits.map { exp($0 - largest) / total }
    for candidate in reference.top.prefix(5) {
      #expect(abs(probabilities[candidate.id] / candidate.probability - 1) < tolerance, "token \(candidate.id)")
    }
    let ours = probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }.prefix(5)
    #expect(Set(ours) == Set(reference.top.prefix(5).map(\.id)))
    #expect(abs(probabilities[0] / reference.p0 - 1) < tolerance)
    #expect(abs(probabilities[2] / reference.p2 - 1) < tolerance)
    let entropy = probabilities.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 }
    #expect(abs(entropy / reference.entropy - 1) < tolerance)
  }

  @Test(arguments: QuantizationMode.allCases) func `the hidden state's RMS is numpy's`(mode: QuantizationMode) throws {
    let reference = try Self.reference("\(mode.rawValue).float32", as: Reference.self)
    let model = try Model(contentsOf: URL(filePath: TestFiles.smolLM2), options: .init(mode: mode))
    var squares = Array(repeating: 0.0, count: model.configuration.layerCount)
    try model.makeSession().evaluate(
      Self.prompt,
      observe: { _, layer, hidden in
        if layer >= 0 { squares[layer] += hidden.reduce(0.0) { $0 + Double($1) * Double($1) } }
      })
    let count = Double(Self.prompt.count * model.configuration.hiddenSize)
    for (layer, expected) in reference.hidden_rms_all_positions.enumerated() {
      let rms = (squares[layer] / count).squareRoot()
      #expect(abs(rms / expected - 1) < (mode == .bitLinear ? 0.05 : 0.002), "layer \(layer): \(rms), \(expected)")
    }
  }

  @Test func `the greedy continuation is numpy's`() throws {
    let expected = try Self.reference("greedy.none", as: Greedy.self).tokens
    let model = try Model(contentsOf: URL(filePath: TestFiles.smolLM2))
    var tokens: [Int] = []
    try model.makeSession().generate(
      Self.prompt, options: .init(maximumTokens: expected.count, sampling: .greedy)
    ) { tokens.append($0) }
    #expect(tokens == expected)
  }
}
