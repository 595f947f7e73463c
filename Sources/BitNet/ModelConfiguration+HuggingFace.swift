import Kernels
package import ModelFormats
package import Tokenization

extension ModelConfiguration {
  /// What a `config.json` says of the model's shape and of its tokens; not its class, nor how it is quantized.
  package func huggingFaceFields(attentionBias: Bool, tokenizer: Tokenizer?) -> JSONObject {
    func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    var entries: [(key: JSONString, value: JSONValue)] = [
      ("hidden_size", integer(hiddenSize)), ("intermediate_size", integer(intermediateSize)),
      ("num_hidden_layers", integer(layerCount)), ("num_attention_heads", integer(heads)),
      ("num_key_value_heads", integer(kvHeads)), ("head_dim", integer(headSize)),
      ("vocab_size", integer(vocabularySize)), ("max_position_embeddings", integer(contextLength)),
      // The shortest decimal that stands for the float: 1e-05, not 9.999999747378752e-06.
      ("rms_norm_eps", .number(Double("\(normEpsilon)") ?? Double(normEpsilon))), ("rope_theta", .number(ropeTheta)),
      ("hidden_act", .string(activation == .silu ? "silu" : "relu2")), ("tie_word_embeddings", .bool(tiesEmbeddings)),
      ("attention_bias", .bool(attentionBias)),
    ]
    if let scaling = ropeScaling.huggingFaceFields { entries.append(("rope_scaling", .object(scaling))) }
    if let id = tokenizer?.beginningOfSequence { entries.append(("bos_token_id", integer(id))) }
    if let ends = tokenizer?.endOfGeneration.sorted(), !ends.isEmpty {
      entries.append(("eos_token_id", .array(ends.map(integer))))
    }
    return JSONObject(entries: entries)
  }

  /// A BitNet's `quantization_config`.
  ///
  /// - Parameters:
  ///   - isPacked: whether the linear layers are trits with a scale; otherwise they are floats that become trits when
  ///     the model runs.
  ///   - excluded: the linear layers that are left as they are, a list of names.
  package static func huggingFaceQuantization(isPacked: Bool, excluded: JSONValue?) -> JSONValue {
    var entries: [(key: JSONString, value: JSONValue)] = [
      ("quant_method", "bitnet"), ("linear_class", "autobitlinear"),
      ("quantization_mode", isPacked ? "offline" : "online"),
    ].map { (JSONString($0), .string(JSONString($1))) }
    if let excluded { entries.append(("modules_to_not_convert", excluded)) }
    return .object(JSONObject(entries: entries))
  }
}

extension RopeScaling {
  /// Hugging Face's `rope_scaling`; `nil` where nothing is scaled.
  fileprivate var huggingFaceFields: JSONObject? {
    switch self {
    case .none: nil
    case .linear(let factor): JSONObject(entries: [("rope_type", .string("linear")), ("factor", .number(factor))])
    case .llama3(let factor, let low, let high, let original):
      JSONObject(entries: [
        ("rope_type", .string("llama3")), ("factor", .number(factor)), ("low_freq_factor", .number(low)),
        ("high_freq_factor", .number(high)), ("original_max_position_embeddings", .number(original)),
      ])
    }
  }
}
