extension TrainingConfiguration {
  /// The objectives by name, as in the file, in the order in which they are evaluated.
  package enum ObjectiveName: String, Sendable, CaseIterable {
    case continuePretrain = "continue_pretrain"
    case dlm
    case logitsDistill = "logits_distill"
    case attentionDistill = "attention_distill"
    case layerwiseDistill = "layerwise_distill"

    /// Whether it compares with a teacher.
    package var needsTeacher: Bool {
      switch self {
      case .continuePretrain, .dlm: false
      case .logitsDistill, .attentionDistill, .layerwiseDistill: true
      }
    }
  }

  /// What is optimized: the sum of weight times loss over what is enabled.
  package struct Objectives: Sendable {
    package let continuePretrain: ContinuePretrain
    package let dlm: DLM
    package let logitsDistill: LogitsDistill
    package let attentionDistill: AttentionDistill
    package let layerwiseDistill: LayerwiseDistill

    /// Whether an objective takes part, and its weight where the curriculum is off.
    package func plan(_ name: ObjectiveName) -> Plan {
      switch name {
      case .continuePretrain: continuePretrain.plan
      case .dlm: dlm.plan
      case .logitsDistill: logitsDistill.plan
      case .attentionDistill: attentionDistill.plan
      case .layerwiseDistill: layerwiseDistill.plan
      }
    }

    init(_ section: ConfigurationSection) {
      continuePretrain = ContinuePretrain(section.section(ObjectiveName.continuePretrain.rawValue))
      dlm = DLM(section.section(ObjectiveName.dlm.rawValue))
      logitsDistill = LogitsDistill(section.section(ObjectiveName.logitsDistill.rawValue))
      attentionDistill = AttentionDistill(section.section(ObjectiveName.attentionDistill.rawValue))
      layerwiseDistill = LayerwiseDistill(section.section(ObjectiveName.layerwiseDistill.rawValue))
    }
  }

  /// Whether an objective takes part, and how much it weighs.
  package struct Plan: Sendable, Hashable {
    package let isEnabled: Bool
    package let weight: Double

    init(_ section: ConfigurationSection, isEnabled: Bool, weight: Double) {
      self.isEnabled = section.value("enabled", .flag, default: isEnabled, "Whether it takes part")
      self.weight = section.value(
        "weight", .number(0...(.infinity)), default: weight,
        "Its weight; with the curriculum on, the phase's weight instead")
    }
  }

  /// The next token of clean text.
  package struct ContinuePretrain: Sendable {
    package let plan: Plan
    package let labelSmoothing: Double

    init(_ section: ConfigurationSection) {
      plan = Plan(section, isEnabled: true, weight: 1)
      labelSmoothing = section.value(
        "label_smoothing", .number(0...0.99), default: 0, "The share e of (1-e) nll + e mean(-log p)")
    }
  }

  /// Masked tokens of a block, by block diffusion.
  package struct DLM: Sendable {
    package enum Attention: String, Sendable, CaseIterable {
      /// A block sees itself in both directions and the clean blocks before it.
      case bidirectional
      /// A token sees what stands before it.
      case causal
    }

    package let plan: Plan
    /// The probability that a token is masked; absent, one drawn per block between 0 and 1.
    package let maskProbability: Double?
    /// The text of the mask token.
    package let maskToken: String?
    /// The mask token's number, where it has no text.
    package let maskTokenID: Int?
    package let usesComplementaryMasks: Bool
    package let blockSize: Int
    package let attention: Attention

    init(_ section: ConfigurationSection) {
      plan = Plan(section, isEnabled: false, weight: 0.5)
      let probability = section.value(
        "mask_prob", MaskProbability.kind, default: .uniform,
        "The probability that a token is masked; `uniform` draws one for each block between 0.001 and 1, as decoding meets them"
      )
      maskProbability = if case .fixed(let value) = probability { value } else { nil }
      maskToken = section.value(
        "mask_token", .text, absence: "`mask_token_id`", "The mask token's text, such as `<|mask|>`")
      maskTokenID = section.value(
        "mask_token_id", .integer(0...(1 << 24)), absence: "`mask_token`",
        "The mask token's number, instead of its text")
      usesComplementaryMasks = section.value(
        "use_complementary_masks", .flag, default: true,
        "Learn from every sequence twice, the second time with the other tokens masked")
      blockSize = section.value("block_size", .integer(1...4096), default: 32, "Tokens of a block")
      attention = section.value(
        "attention", .choice(), default: .bidirectional,
        "What a block sees: `bidirectional` itself and the clean blocks before it, `causal` what stands before a token")
      if plan.isEnabled, !section.reader.isReference, maskToken == nil, maskTokenID == nil {
        section.report("mask_token", "is missing: dlm is enabled; name the tokenizer's mask token")
      }
      if maskToken != nil, maskTokenID != nil {
        section.report("mask_token_id", "does not go with mask_token: leave one of them out")
      }
    }

    private enum MaskProbability {
      case uniform
      case fixed(Double)

      static var kind: ConfigurationSection.Kind<MaskProbability> {
        let number = ConfigurationSection.Kind.number(0.001...1)
        return .init(
          allowed: "uniform or \(number.allowed)",
          parse: { node in
            if case .scalar("uniform") = node.value { return .uniform }
            return number.parse(node).map { .fixed($0) }
          },
          text: { if case .fixed(let value) = $0 { "\(value)" } else { "uniform" } }, words: ["uniform"])
      }
    }
  }

  /// The teacher's distribution of the next token.
  package struct LogitsDistill: Sendable {
    package let plan: Plan
    package let temperature: Double

    init(_ section: ConfigurationSection) {
      plan = Plan(section, isEnabled: false, weight: 10)
      temperature = section.value(
        "temperature", .number(0.01...1000), default: 5, "T of T^2 KL(teacher(T) || student(T))")
    }
  }

  /// Relations between the teacher's queries, keys and values (BitDistill).
  package struct AttentionDistill: Sendable {
    package let plan: Plan
    package let splitHeads: Int
    package let temperature: Double
    /// The layer that is compared, counted from the end where negative.
    package let layer: Int

    init(_ section: ConfigurationSection) {
      plan = Plan(section, isEnabled: false, weight: 1000)
      splitHeads = section.value(
        "split_heads", .integer(1...4096), default: 32, "Heads of the relations, a divisor of both models' widths")
      temperature = section.value(
        "temperature", .number(0.01...1000), default: 1, "Divides the relations before softmax")
      layer = section.value(
        "layer", .integer(-4096...4096), default: -1, "The layer that is compared; negative ones count from the end")
    }
  }

  /// The teacher's hidden states, layer by layer.
  package struct LayerwiseDistill: Sendable {
    package enum Loss: String, Sendable, CaseIterable {
      case mse
      case normalizedMSE = "mse_normalized"
      case innerProduct = "inner_product"
    }

    package enum LayerWeights: String, Sendable, CaseIterable {
      case uniform
      case progressive
      case exponential
    }

    package let plan: Plan
    package let loss: Loss
    package let layerWeights: LayerWeights

    init(_ section: ConfigurationSection) {
      plan = Plan(section, isEnabled: false, weight: 0.5)
      loss = section.value(
        "loss_type", .choice(), default: .normalizedMSE,
        "How hidden states are compared; `mse_normalized` is 2 (1 - cosine) / width")
      layerWeights = section.value(
        "layer_weights", .choice(), default: .progressive, "Weights 1, i + 1 or 2^i of layer i, adding up to 1")
    }
  }
}
