import BitNet
import ModelFormats

/// The parameters that `/v1/completions` and `/v1/chat/completions` share.
struct SamplingParameters {
  /// How many answers to each prompt.
  var choices = 1
  var sampling: Sampling
  var maximumTokens: Int?
  /// Texts before which the answer ends, as UTF-8.
  var stops: [[UInt8]]
  var stopTokens: Set<Int>
  var ignoresEnd: Bool
  var diffusion: BlockDiffusionOptions?
  var isStreamed: Bool
  var includesUsage: Bool
  var includesProvisional: Bool

  /// - Throws: 400 naming the parameter.
  init(_ request: RequestObject, context: APIContext) throws(APIError) {
    choices = try request.integer("n", in: 1...context.limits.choices) ?? 1
    sampling = try Self.sampling(request, vocabularySize: context.model.configuration.vocabularySize)
    stops = try Self.stops(request, limit: context.limits.stops)
    stopTokens = try Self.tokens(request, "stop_token_ids", limit: 64, context: context)
    ignoresEnd = try request.bool("ignore_eos") ?? false
    diffusion = try Self.diffusion(request, context: context)
    isStreamed = try request.bool("stream") ?? false
    let options = try request.object("stream_options")
    if options != nil, !isStreamed { throw .invalid("stream_options", "only allowed with \"stream\": true") }
    includesUsage = try options?.bool("include_usage") ?? false
    includesProvisional = try options?.bool("include_provisional") ?? false
    options?.accept("include_obfuscation")
    try options?.refuseUnknown()
    try Self.acceptHarmless(request)
  }

  private static func sampling(_ request: RequestObject, vocabularySize: Int) throws(APIError) -> Sampling {
    // llama.cpp's name and vLLM's.
    let names = (
      try request.number("repeat_penalty", in: 0.01...100), try request.number("repetition_penalty", in: 0.01...100)
    )
    return Sampling(
      temperature: Float(try request.number("temperature", in: 0...100) ?? 1),
      topK: max(0, try request.integer("top_k", in: -1...vocabularySize) ?? 0),
      topP: Float(try positive(request, "top_p") ?? 1),
      minP: Float(try request.number("min_p", in: 0...1) ?? 0),
      repetitionPenalty: Float(names.0 ?? names.1 ?? 1),
      repetitionWindow: try request.integer("repeat_last_n", in: 0...(1 << 20)) ?? 64,
      frequencyPenalty: Float(try request.number("frequency_penalty", in: -2...2) ?? 0),
      presencePenalty: Float(try request.number("presence_penalty", in: -2...2) ?? 0),
      logitBias: try logitBias(request, vocabularySize: vocabularySize),
      seed: try request.integer("seed").map { UInt64(bitPattern: Int64($0)) })
  }

  private static func positive(_ request: RequestObject, _ name: String) throws(APIError) -> Double? {
    let number = try request.number(name, in: 0...1)
    if number == 0 { throw .invalid(name, "0.0 is out of range, expected more than 0") }
    return number
  }

  /// An object from token ids to what is added to their logits; -100 bans, as OpenAI documents.
  private static func logitBias(_ request: RequestObject, vocabularySize: Int) throws(APIError) -> [Int: Float] {
    guard let bias = try request.object("logit_bias") else { return [:] }
    var result: [Int: Float] = [:]
    for (key, _) in bias.members.entries {
      guard let token = Int(key.string), (0..<vocabularySize).contains(token) else {
        throw .invalid(bias.path(of: key.string), "not a token id from 0 to \(vocabularySize - 1)")
      }
      let value = try bias.number(key.string, in: -100...100) ?? 0
      result[token] = value == -100 ? -.infinity : Float(value)
    }
    return result
  }

  private static func stops(_ request: RequestObject, limit: Int) throws(APIError) -> [[UInt8]] {
    guard let value = request.value("stop") else { return [] }
    let texts: [JSONValue] =
      switch value {
      case .string: [value]
      case .array(let values): values
      default: throw request.wrongType("stop", value, "a string or an array of strings")
      }
    guard texts.count <= limit else { throw .invalid("stop", "\(texts.count) texts, expected at most \(limit)") }
    var stops: [[UInt8]] = []
    for text in texts {
      guard case .string(let stop) = text else { throw request.wrongType("stop", text, "a string") }
      guard !stop.bytes.isEmpty else { throw .invalid("stop", "an empty text would stop at once") }
      guard stop.bytes.count <= 1024 else { throw .invalid("stop", "a text of more than 1024 bytes") }
      stops.append(stop.bytes)
    }
    return stops
  }

  private static func tokens(
    _ request: RequestObject, _ name: String, limit: Int, context: APIContext
  ) throws(APIError) -> Set<Int> {
    guard let values = try request.array(name) else { return [] }
    guard values.count <= limit else { throw .invalid(name, "\(values.count) tokens, expected at most \(limit)") }
    return Set(try context.tokens(values, parameter: name))
  }

  private static func diffusion(_ request: RequestObject, context: APIContext) throws(APIError)
    -> BlockDiffusionOptions?
  {
    let name = try request.string("decode_mode") ?? context.decodeMode.rawValue
    let known = context.engine.decodeModes.map(\.rawValue).sorted().joined(separator: ", ")
    guard let mode = DecodeMode(rawValue: name), context.engine.decodeModes.contains(mode) else {
      throw .invalid("decode_mode", "'\(name.prefix(40))' is none of what this model can do: \(known)")
    }
    let threshold = try request.number("threshold", in: 0.01...1)
    guard var options = context.engine.diffusion,
      let diffusionMode = BlockDiffusionOptions.Mode(rawValue: mode.rawValue)
    else {
      if threshold != nil { throw .unsupported("threshold", "only block diffusion (decode_mode) has one") }
      return nil
    }
    options.mode = diffusionMode
    if let threshold { options.threshold = Float(threshold) }
    return options
  }

  /// - Throws: 400 for what block diffusion cannot do.
  func checkDiffusion(topLogprobs: Int?, constraint: JSONConstraint?) throws(APIError) {
    guard diffusion != nil else { return }
    if topLogprobs != nil {
      throw .unsupported(
        "logprobs", "block diffusion has no probabilities of single tokens; use decode_mode autoregressive")
    }
    if constraint != nil {
      throw .unsupported("response_format", "block diffusion cannot be constrained; use decode_mode autoregressive")
    }
  }

  /// Members that change nothing about the answer, in the values in which they do not.
  private static func acceptHarmless(_ request: RequestObject) throws(APIError) {
    request.accept("user", "metadata", "safety_identifier", "prompt_cache_key", "service_tier")
    if try request.bool("store") == true { throw .unsupported("store", "this server keeps nothing") }
  }
}

extension APIContext {
  /// Token ids out of a JSON array.
  func tokens(_ values: [JSONValue], parameter: String) throws(APIError) -> [Int] {
    var tokens: [Int] = []
    tokens.reserveCapacity(values.count)
    for value in values {
      guard let token = value.exactInteger, (0..<model.configuration.vocabularySize).contains(token) else {
        throw .invalid(
          parameter, "\(value.kind.prefix(40)) is not a token id from 0 to \(model.configuration.vocabularySize - 1)")
      }
      tokens.append(token)
    }
    return tokens
  }
}
