extension TrainingConfiguration {
  /// What is trained.
  package struct Model: Sendable {
    /// The nonlinearity of the feed-forward network.
    package enum Activation: String, Sendable, CaseIterable {
      case squaredReLU = "relu2"
      case silu
    }

    /// A model to go on from: a checkpoint's folder or a GGUF file. The sizes below hold where there is none.
    package let pretrained: String?
    /// The sizes of a model that begins from nothing; `nil` with ``pretrained``.
    package let sizes: Sizes?
    package let ropeTheta: Double
    package let normEpsilon: Double
    package let activation: Activation
    /// Whether the inputs of the output and down projections are normed (SubLN).
    package let hasSubNorms: Bool
    package let tiesEmbeddings: Bool
    package let maxPositions: Int

    /// The sizes of a model.
    package struct Sizes: Sendable, Hashable {
      package let hiddenSize: Int
      package let intermediateSize: Int
      package let layerCount: Int
      package let heads: Int
      package let kvHeads: Int
      package let headSize: Int
    }

    init(_ section: ConfigurationSection) {
      pretrained = section.value(
        "pretrained", section.pathKind, absence: "from nothing",
        "A model to go on from, a folder or a GGUF file; the keys below describe one that begins from nothing")
      let size = ConfigurationSection.Kind.integer(1...(1 << 20))
      let hiddenSize = section.value("hidden_size", size, absence: "required", "The width of the residual stream")
      let inner = section.value("intermediate_size", size, absence: "required", "The width of the feed-forward network")
      let layers = section.value(
        "num_hidden_layers", .integer(1...4096), absence: "required", "The number of transformer blocks")
      let heads = section.value("num_attention_heads", size, absence: "required", "The number of query heads")
      let kvHeads = section.value(
        "num_key_value_heads", size, absence: "as many as query heads", "The number of key-value heads, a divisor of it"
      )
      let headSize = section.value(
        "head_dim", size, absence: "`hidden_size` / heads", "The width of a head; even, for the rotary embedding")
      ropeTheta = section.value("rope_theta", .number(1...1e12), default: 10_000, "The base of the rotary frequencies")
      normEpsilon = section.value(
        "rms_norm_eps", .number(0...1), default: 1e-5, "Added to the mean square in every norm")
      activation = section.value("hidden_act", .choice(), default: .squaredReLU, "The gate's nonlinearity")
      hasSubNorms = section.value(
        "sub_norms", .flag, default: true, "SubLN: norms before the output and down projections")
      tiesEmbeddings = section.value(
        "tie_word_embeddings", .flag, default: true, "Whether the head is the token embedding")
      maxPositions = section.value(
        "max_position_embeddings", .integer(2...(1 << 30)), default: 2048, "The longest context, in tokens")
      sizes = Self.sizes(
        section, pretrained: pretrained, hiddenSize: hiddenSize, inner: inner, layers: layers, heads: heads,
        kvHeads: kvHeads, headSize: headSize)
    }

    /// The sizes where all are there and fit.
    private static func sizes(
      _ section: ConfigurationSection, pretrained: String?, hiddenSize: Int?, inner: Int?, layers: Int?, heads: Int?,
      kvHeads: Int?, headSize: Int?
    ) -> Sizes? {
      guard !section.reader.isReference else { return nil }
      let needed = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"]
      guard pretrained == nil else {
        for key in section.known where key != "pretrained" && section.has(key) {
          section.report(key, "does not go with model.pretrained, which has it already: leave one of them out")
        }
        return nil
      }
      for key in needed where !section.has(key) {
        section.report(key, "is missing: a model from nothing needs it, one from model.pretrained none of the sizes")
      }
      guard let hiddenSize, let inner, let layers, let heads else { return nil }
      let sizes = Sizes(
        hiddenSize: hiddenSize, intermediateSize: inner, layerCount: layers, heads: heads, kvHeads: kvHeads ?? heads,
        headSize: headSize ?? hiddenSize / heads)
      if !sizes.heads.isMultiple(of: sizes.kvHeads) {
        section.report("num_key_value_heads", "is \(sizes.kvHeads), expected a divisor of the \(heads) query heads")
      }
      if headSize == nil, !hiddenSize.isMultiple(of: heads) {
        section.report(
          "num_attention_heads", "is \(heads), expected a divisor of hidden_size \(hiddenSize), or a head_dim")
      }
      if !sizes.headSize.isMultiple(of: 2) || sizes.headSize == 0 {
        section.report("head_dim", "is \(sizes.headSize), expected an even number: the rotary embedding turns pairs")
      }
      return sizes
    }
  }

  /// How a pretrained model becomes a BitNet.
  package struct AutoConvert: Sendable {
    package let isEnabled: Bool
    package let insertsSubNorms: Bool
    /// Parts of the names of layers that stay as they are.
    package let excludedLayers: [String]

    init(_ section: ConfigurationSection) {
      isEnabled = section.value(
        "enabled", .flag, default: true, "Make the linear layers of a pretrained dense model BitLinear")
      insertsSubNorms = section.value(
        "insert_subln", .flag, default: true, "Insert SubLN where it has none; its function changes, so train after it")
      excludedLayers = section.value(
        "exclude_layers", .list(of: .text, count: 0...1000), default: ["embed_tokens", "lm_head", "embed_positions"],
        "Layers that stay dense, by a part of their names")
    }
  }
}
