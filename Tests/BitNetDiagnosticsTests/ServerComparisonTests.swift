import BitNet
import BitNetDiagnostics
import Foundation
import TestSupport
import Testing
import Tokenization

/// The answers of OpenAI-compatible servers, in their dialects.
@Suite struct ServerComparisonTests {
  private static let path = TestFiles.goldenPath("trained/tiny-bitnet")
  private static let tokens = [488, 272, 67, 82, 279]

  /// How a server answers.
  enum Dialect: CaseIterable {
    /// OpenAI's, with `echo`, as vLLM has it.
    case echo
    /// The same, but prompts are texts only.
    case textOnly
    /// No `echo`, and log-probabilities as in chat completions: llama-server.
    case llamaServer
  }

  private struct Request: Decodable {
    enum Prompt: Decodable {
      case tokens([Int])
      case text(String)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let tokens = try? container.decode([Int].self) {
          self = .tokens(tokens)
        } else {
          self = .text(try container.decode(String.self))
        }
      }
    }
    let prompt: Prompt
    let logprobs: Int
    let echo: Bool?
    let model: String?
  }

  /// A server with a model of its own, whose log-probabilities are changed by `bias`.
  private struct Server {
    let model: Model
    let dialect: Dialect
    var bias = 0.0

    func post(_ body: [UInt8]) throws -> (status: Int, body: [UInt8]) {
      let request = try JSONDecoder().decode(Request.self, from: Data(body))
      let tokens: [Int]
      switch (request.prompt, dialect) {
      case (.tokens, .textOnly): return (422, Array("{\"detail\":\"prompt must be a string\"}".utf8))
      case (.tokens(let ids), _): tokens = ids
      case (.text(let text), _): tokens = try #require(model.tokenizer).encode(text)
      }
      if request.echo == true, dialect == .llamaServer {
        return (400, Array("{\"error\":\"Only no echo is supported\"}".utf8))
      }
      let session = model.makeSession()
      let rows = try tokens.indices.map { position in
        try likeliest(session.logits(after: Array(tokens[...position])), request.logprobs)
      }
      let logprobs: Any =
        dialect == .llamaServer
        ? [
          "content": [
            ["top_logprobs": rows[rows.count - 1].map { ["id": $0.id, "token": "?", "logprob": $0.logProbability] }]
          ]
        ]
        : [
          "top_logprobs": [NSNull()]
            + rows.map { row in
              Dictionary(row.map { (model.tokenizer?.text(of: $0.id) ?? "", $0.logProbability) }, uniquingKeysWith: max)
            }
        ]
      return (200, [UInt8](try JSONSerialization.data(withJSONObject: ["choices": [["logprobs": logprobs]]])))
    }

    private func likeliest(_ logits: [Float], _ count: Int) -> [(id: Int, logProbability: Double)] {
      let total = log(logits.reduce(0) { $0 + exp(Double($1)) })
      return logits.indices.sorted { logits[$0] > logits[$1] }.prefix(count).map {
        ($0, Double(logits[$0]) - total + bias)
      }
    }
  }

  private func compare(_ dialect: Dialect, with name: String = "tiny-bitnet", bias: Double = 0) throws -> Comparison {
    let model = try Model(
      contentsOf: URL(filePath: TestFiles.goldenPath("trained/\(name)")), options: .init(threads: 1))
    let server = Server(model: model, dialect: dialect, bias: bias)
    return try Comparison(
      of: Checkpoint(path: Self.path), withServer: "http://test",
      options: .init(prompts: ["The old house"], threads: 1),
      post: server.post)
  }

  @Test(arguments: Dialect.allCases) func `a server with the same model has the same logits`(dialect: Dialect) throws {
    let comparison = try compare(dialect)
    #expect(comparison.isSame, "\(comparison.conclusion)")
    let logits = try #require(comparison.logits)
    #expect(logits.positions.count == 6)
    #expect(logits.topAgreement == 1)
    #expect(logits.maximum < 1e-4 && logits.maximumDivergence < 1e-6)
    #expect(logits.minimumCosine == nil)
  }

  @Test(arguments: Dialect.allCases) func `a server with another model differs`(dialect: Dialect) throws {
    let comparison = try compare(dialect, with: "tiny-untrained")
    #expect(!comparison.isSame)
    #expect(comparison.conclusion.hasPrefix("logits differ: KL up to"))
  }

  @Test func `log-probabilities that are off by one nat are so by one nat`() throws {
    let logits = try #require(try compare(.echo, bias: -1).logits)
    #expect(abs(logits.maximum - 1) < 1e-4)
    #expect(!logits.isSame)
  }

  @Test(arguments: [
    (500, "{}", "answers 500"), (200, "no JSON", "cannot be read"), (200, "{}", "gave no log-probabilities"),
    (200, "{\"choices\":[{\"logprobs\":{\"top_logprobs\":[null,{\" a\":-1}]}}]}", "it tokenizes it differently"),
    (200, "{\"choices\":[{\"logprobs\":{\"top_logprobs\":[null,{\" a\":\"x\"}]}}]}", "cannot be read"),
    (
      200, "{\"choices\":[{\"logprobs\":{\"content\":[{\"top_logprobs\":[{\"token\":\"zzzz\",\"logprob\":-1}]}]}}]}",
      "vocabulary"
    ),
  ])
  func `an answer that cannot be used is an error with its reason`(status: Int, body: String, words: String) throws {
    let error = #expect(throws: ComparisonError.self) {
      try Comparison(
        of: Checkpoint(path: Self.path), withServer: "http://test", options: .init(tokens: Self.tokens, threads: 1),
        post: { _ in (status, Array(body.utf8)) })
    }
    #expect("\(try #require(error))".contains(words), "\(String(describing: error))")
  }
}
