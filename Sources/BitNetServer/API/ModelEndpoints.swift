#if Server
import BitNet
import Tokenization

/// `/v1/models` and `/props`: what is served, and how.
struct ModelEndpoints: Sendable {
  let context: APIContext

  private struct Entry: Encodable {
    var id: String
    var object = "model"
    var created: Int
    var ownedBy = "swift-bitnet"
    var maxModelLength: Int

    private enum CodingKeys: String, CodingKey {
      case id, object, created
      case ownedBy = "owned_by"
      case maxModelLength = "max_model_len"
    }
  }

  private struct List: Encodable {
    var object = "list"
    var data: [Entry]
  }

  private var entry: Entry {
    Entry(id: context.modelName, created: context.created, maxModelLength: context.model.contextLength)
  }

  func list() throws -> Answer { try .json(List(data: [entry])) }

  /// - Throws: 404 for the name of another model.
  func model(named name: String) throws -> Answer {
    guard name == context.modelName else { throw APIError.unknownModel(name, known: context.modelName) }
    return try .json(entry)
  }

  private struct Properties: Encodable {
    var model: String
    var architecture: String
    var mode: QuantizationMode
    var contextLength: Int
    var vocabularySize: Int
    var hasChatTemplate: Bool
    var supportsTools: Bool
    var decodeModes: [String]
    var queueCapacity: Int
    var maximumChoices: Int
    var maximumStops: Int
    var maximumTopLogprobs: Int
    var maximumBodyBytes: Int

    private enum CodingKeys: String, CodingKey {
      case model, architecture, mode
      case contextLength = "n_ctx"
      case vocabularySize = "n_vocab"
      case hasChatTemplate = "has_chat_template"
      case supportsTools = "supports_tools"
      case decodeModes = "decode_modes"
      case queueCapacity = "queue_capacity"
      case maximumChoices = "max_choices"
      case maximumStops = "max_stops"
      case maximumTopLogprobs = "max_top_logprobs"
      case maximumBodyBytes = "max_body_bytes"
    }
  }

  func properties() throws -> Answer {
    let model = context.model
    return try .json(
      Properties(
        model: context.modelName, architecture: model.configuration.architecture, mode: model.mode,
        contextLength: model.contextLength, vocabularySize: model.configuration.vocabularySize,
        hasChatTemplate: context.template != nil, supportsTools: context.template?.source.contains("tools") ?? false,
        decodeModes: context.engine.decodeModes.map(\.rawValue).sorted(),
        queueCapacity: context.engine.status.queueCapacity, maximumChoices: context.limits.choices,
        maximumStops: context.limits.stops, maximumTopLogprobs: context.limits.topLogprobs,
        maximumBodyBytes: context.limits.bodyBytes))
  }
}
#endif
