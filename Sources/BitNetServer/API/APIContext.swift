package import BitNet
package import Tokenization

/// What the API's endpoints answer from; immutable but for the engine and the metrics.
package struct APIContext: Sendable {
  package let model: Model
  package let tokenizer: Tokenizer
  /// The model's chat template, if it has one that can be read.
  package let template: ChatTemplate?
  /// The name under which clients ask for the model.
  package let modelName: String
  package let engine: any InferenceEngine
  package let formats: ResponseFormats
  /// How answers are written unless a request says otherwise.
  package let decodeMode: DecodeMode
  package let limits: APILimits
  package let metrics: Metrics
  /// When the server started, in seconds since 1970.
  package let created: Int

  /// - Throws: `ModelError` for a model without tokenizer, `ChatTemplateError` for a template that cannot be parsed.
  package init(
    model: Model, name: String, engine: any InferenceEngine, decodeMode: DecodeMode = .autoregressive,
    limits: APILimits = APILimits(),
    metrics: Metrics = Metrics(), created: Int = 0
  ) throws {
    self.model = model
    tokenizer = try model.requiredTokenizer()
    template = try tokenizer.chatTemplate()
    modelName = name
    self.engine = engine
    self.decodeMode = decodeMode
    formats = ResponseFormats(model: model, tokenizer: tokenizer)
    self.limits = limits
    self.metrics = metrics
    self.created = created
  }

  /// - Throws: 404 if a request names another model; none is fine.
  func checkModel(_ request: RequestObject) throws(APIError) {
    guard let name = try request.string("model"), !name.isEmpty, name != modelName else { return }
    throw APIError.unknownModel(name, known: modelName)
  }

  /// - Throws: 400 for prompts that cannot be continued.
  func checkPrompt(_ tokens: [Int], parameter: String) throws(APIError) {
    guard !tokens.isEmpty else { throw .invalid(parameter, "it is empty; there is nothing to continue") }
    guard tokens.count <= model.contextLength else {
      throw .contextExceeded(tokens: tokens.count, contextLength: model.contextLength, parameter: parameter)
    }
  }

  /// Queues sequences; all or none.
  ///
  /// - Throws: 429 when the queue has no room.
  func submit(_ requests: [SequenceRequest]) throws(APIError) -> [SequenceEvents] {
    var sequences: [SequenceEvents] = []
    for request in requests {
      do {
        sequences.append(try engine.submit(request))
      } catch {
        for sequence in sequences { sequence.cancel() }
        metrics.countRefusal()
        throw .queueFull(retryAfter: error.retryAfter)
      }
    }
    return sequences
  }
}

/// What one request may ask for.
package struct APILimits: Sendable, Hashable {
  /// The most answers to a prompt (`n`).
  package var choices = 16
  /// The most prompts in a request.
  package var prompts = 128
  /// The most stop texts.
  package var stops = 16
  /// The most alternatives beside each token.
  package var topLogprobs = 20
  /// The largest body, in bytes.
  package var bodyBytes = 4 << 20
  /// How long a request may take, queue included.
  package var timeout: Duration = .seconds(600)

  package init() {}
}

extension APIError {
  static func unknownModel(_ name: String, known: String) -> APIError {
    APIError(
      404, code: "model_not_found", parameter: "model",
      "The model '\(name.prefix(100))' does not exist here; this server has '\(known)'.")
  }
}
