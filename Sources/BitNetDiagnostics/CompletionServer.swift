import BitNet
import ModelFormats

/// Asks for the likeliest tokens after every position of a text, and reads the answers of both dialects: the
/// `top_logprobs` of OpenAI's completions, and the `content` that llama-server borrows from chat completions.
struct CompletionServer {
  let address: String
  let model: String?
  let post: ([UInt8]) throws -> (status: Int, body: [UInt8])

  /// What OpenAI allows, and every server gives.
  private static let likeliest = 5

  /// For each position of the sequence, the likeliest next tokens; `nil` where the server gave none.
  func positions(
    _ sequence: TokenSequence, progress: (String) -> Void, isCancelled: () -> Bool
  ) throws -> [[ServedToken]?] {
    progress("asking \(address)")
    let ids = "[" + sequence.tokens.map(String.init).joined(separator: ",") + "]"
    // Ids cannot be tokenized differently; not every server takes them.
    for prompt in [ids] + (sequence.text.map { [CompletionServer.quoted($0)] } ?? []) {
      let (status, body) = try ask(prompt, echo: true)
      guard status == 200, let entries = try entries(body), entries.count > 1 else { continue }
      guard entries.count == sequence.tokens.count || entries.count == sequence.tokens.count + 1 else {
        throw ComparisonError.server(
          address: address,
          problem:
            "has \(entries.count) positions for the \(sequence.tokens.count) tokens of the text: it tokenizes it "
            + "differently")
      }
      // An entry is about its own token: what the one before it predicts.
      return sequence.tokens.indices.map { entries.indices.contains($0 + 1) ? entries[$0 + 1] : nil }
    }
    return try sequence.tokens.indices.map { position in
      if isCancelled() { throw CancellationError() }
      progress("asking \(address), token \(position + 1)/\(sequence.tokens.count)")
      let prompt = "[" + sequence.tokens[...position].map(String.init).joined(separator: ",") + "]"
      let (status, body) = try ask(prompt, echo: false)
      guard status == 200 else {
        let answer = String(decoding: body.prefix(300), as: UTF8.self)
        throw ComparisonError.server(address: address, problem: "answers \(status): \(singleLine(answer))")
      }
      return try entries(body)?.last ?? nil
    }
  }

  private func ask(_ prompt: String, echo: Bool) throws -> (status: Int, body: [UInt8]) {
    var fields = [
      "\"prompt\":\(prompt)", "\"max_tokens\":1", "\"temperature\":0", "\"logprobs\":\(CompletionServer.likeliest)",
    ]
    if echo { fields.append("\"echo\":true") }
    if let model { fields.append("\"model\":\(CompletionServer.quoted(model))") }
    return try post(Array("{\(fields.joined(separator: ","))}".utf8))
  }

  /// The likeliest tokens of every position in an answer; `nil` when it has no log-probabilities.
  private func entries(_ body: [UInt8]) throws -> [[ServedToken]?]? {
    do {
      let root = JSONNode(try JSONParser.parse(body, file: address), file: address)
      guard let logprobs = try root.array("choices")?.first?.object("logprobs") else { return nil }
      if let content = try logprobs.array("content") {
        return try content.map { try $0.array("top_logprobs")?.map(CompletionServer.token) }
      }
      return try logprobs.array("top_logprobs")?.map { node in
        if case .null = node.value { return nil }
        return try node.object().entries.map { key, value in
          let logProbability = try JSONNode(value, file: address, path: node.path).number()
          return ServedToken(
            id: CompletionServer.id(inName: key.string), bytes: key.bytes, logProbability: logProbability)
        }
      }
    } catch {
      throw ComparisonError.server(address: address, problem: "gave an answer that cannot be read: \(error)")
    }
  }

  private static func token(_ node: JSONNode) throws -> ServedToken {
    let bytes = try node.integers("bytes")?.map(UInt8.init(clamping:))
    let text = Array((try node.string("token") ?? "").utf8)
    return ServedToken(
      id: try node.integer("id"), bytes: bytes ?? text,
      logProbability: try node.required("logprob", node.number("logprob")))
  }

  /// vLLM can be told to write `token_id:17`.
  private static func id(inName name: String) -> Int? {
    name.hasPrefix("token_id:") ? Int(name.dropFirst("token_id:".count)) : nil
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
