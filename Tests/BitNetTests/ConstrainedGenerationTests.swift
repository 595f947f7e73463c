import BitNet
import Foundation
import ModelFormats
import TestSupport
import Testing
import Tokenization

/// Sessions that write JSON.
@Suite struct ConstrainedGenerationTests {
  private static let schema = #"""
    {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "kind": {"enum": ["cat", "dog"]},
     "ages": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 30}, "maxItems": 3}},
     "required": ["name", "kind", "ages"]}
    """#

  private func model(contextLength: Int = 200) throws -> Model {
    try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/tiny-bitnet")),
      options: .init(threads: 2, contextLength: contextLength))
  }

  private func generate(_ model: Model, _ options: GenerationOptions) throws -> (text: String, GenerationSummary) {
    var tokens: [Int] = []
    let summary = try model.makeSession().generate([5, 6, 7], options: options) { tokens.append($0) }
    return (try model.requiredTokenizer().decode(tokens), summary)
  }

  private func check(_ text: String) throws {
    guard case .object(let object) = try JSONParser.parse(Array(text.utf8), file: "text"),
      case .string? = object["name"], case .string(let kind)? = object["kind"], case .array(let ages)? = object["ages"]
    else {
      Issue.record("\(text) does not conform")
      return
    }
    #expect(["cat", "dog"].contains(kind.string) && ages.count <= 3, "\(text)")
  }

  @Test(arguments: [nil, 60, 40], [false, true])
  func `what a session writes conforms, however little room there is`(count: Int?, guesses: Bool) throws {
    let model = try model(contextLength: count == nil ? 64 : 200)
    let constraint = try model.constraint(to: JSONSchema(compiling: Array(Self.schema.utf8)))
    for seed in 1...8 {
      let sampling = Sampling(temperature: 1.2, topK: 0, topP: 1, minP: 0, seed: UInt64(seed))
      let result = try generate(
        model,
        .init(maximumTokens: count, sampling: sampling, guessesFromNGrams: guesses, constraint: constraint))
      try check(result.text)
      #expect(result.1.finishReason == .complete)
      #expect(result.1.generatedTokens <= count ?? 62)
    }
  }

  @Test func `guesses change no token of a constrained text`() throws {
    let model = try model()
    let constraint = try model.constraint(to: .anyObject)
    let texts = try [false, true].map {
      try generate(model, .init(maximumTokens: 80, sampling: .greedy, guessesFromNGrams: $0, constraint: constraint))
        .text
    }
    #expect(texts[0] == texts[1] && texts[0].hasPrefix("{") && texts[0].hasSuffix("}"))
  }

  @Test func `block diffusion with a constraint is refused`() throws {
    let model = try Model(contentsOf: URL(filePath: TestFiles.goldenPath("diffusion/tiny-lists")))
    let options = GenerationOptions(
      blockDiffusion: try model.blockDiffusionOptions(), constraint: try model.constraint(to: .anyObject))
    #expect(throws: ModelError.self) { try generate(model, options) }
  }
}
