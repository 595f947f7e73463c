/// Tokenizer, chat template and the tokens with a role.
extension Rules {
  static let vocabularyRules: [Rule] = [
    moreTokensThanRows, maskToken,
    repaired(
      .foreignTokenizer,
      ["Take the tokenizer of the model that this one was made from; compare: `bitnet compare BASE MODEL`."]),
    repaired(
      .beginToken, ["Set add_bos_token (GGUF: tokenizer.ggml.add_bos_token) to what the model was trained with."]),
    noTokenizer, endTokens, templateTokens, templateOnBase, doubleBegin, unknownPreTokenizer, maskUntrained,
    noChatTemplate,
  ]

  private static let moreTokensThanRows = Rule(
    .moreTokensThanRows, "A token without a row of the embedding cannot be read."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary, vocabulary.tokens > vocabulary.rows else { return nil }
    return Finding(
      code: .moreTokensThanRows, certainty: .certain,
      evidence: ["\(vocabulary.tokens) tokens for \(vocabulary.rows) rows of the embedding"],
      nextSteps: [
        "A token was added, most often a mask, and the embedding was not resized: resize_token_embeddings, or take the "
          + "tokenizer without it."
      ])
  }

  private static let maskToken = Rule(
    .maskToken, "Block diffusion fills in for one token; another id stands for a real token, or for none."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary, let declared = vocabulary.declaredMask else { return nil }
    let isOutside = declared < 0 || declared >= vocabulary.rows
    let other = vocabulary.tokenizerMask.flatMap { $0 == declared ? nil : $0 }
    guard isOutside || other != nil else { return nil }
    return Finding(
      code: .maskToken, certainty: .certain,
      evidence: [
        "dlm_config.json or config.json names the mask token \(declared), the embedding has \(vocabulary.rows) rows"
          + (other.map { ", the tokenizer's mask token is \($0)" } ?? "")
      ],
      nextSteps: [
        "Set mask_token_id to the id that the model was trained with: `bitnet run MODEL --mask-token ID` tries one."
      ])
  }

  private static let noTokenizer = Rule(
    .noTokenizer, "Without a tokenizer no text can be measured, and nobody can use the model."
  ) { evidence in
    guard evidence.facts != nil, evidence.vocabulary == nil,
      !evidence.problems.contains(where: { $0.code == .unusableTokenizer })
    else { return nil }
    return Finding(
      code: .noTokenizer, certainty: .certain, evidence: ["neither the weights nor their folder hold a tokenizer"],
      nextSteps: ["Put tokenizer.json beside the weights, or convert with the tokenizer, and diagnose again."])
  }

  private static let endTokens = Rule(
    .endTokens, "Generation ends at the tokens that the files name; the one that ends a turn must be among them."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary else { return nil }
    var reasons: [String] = []
    let outside = vocabulary.declaredEnds.filter { !(0..<max(vocabulary.rows, vocabulary.tokens)).contains($0) }
    if !outside.isEmpty { reasons.append("eos_token_id \(outside) is not in the vocabulary") }
    if let end = vocabulary.endToken, !vocabulary.declaredEnds.isEmpty, !vocabulary.declaredEnds.contains(end) {
      reasons.append("the tokenizer ends texts with \(end), the configuration with \(vocabulary.declaredEnds)")
    }
    if let mark = vocabulary.turnEnd, let id = vocabulary.turnEndID, !vocabulary.stopTokens.contains(id) {
      reasons.append("the chat template ends an answer with \(mark) (\(id)), which does not end generation")
    }
    guard !reasons.isEmpty else { return nil }
    return Finding(
      code: .endTokens, certainty: .certain, evidence: reasons,
      nextSteps: [
        "List every end token in generation_config.json's eos_token_id: the text's and the turn's.",
        "Without it the model never stops, or plays both roles.",
      ])
  }

  private static let templateTokens = Rule(
    .templateTokens, "A control token that the vocabulary does not have is spelled out, as the model never saw it."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary else { return nil }
    let unknown = vocabulary.unknownTemplateTokens.filter { $0.hasPrefix("<|") || $0.hasPrefix("[") }
    guard !unknown.isEmpty || vocabulary.templateProblem != nil else { return nil }
    return Finding(
      code: .templateTokens, certainty: .certain,
      evidence: [
        unknown.isEmpty
          ? "the chat template cannot be rendered: \(vocabulary.templateProblem ?? "")"
          : "the chat template writes \(list(unknown)), which the vocabulary does not have"
      ],
      nextSteps: ["Take the chat template of the model that the vocabulary belongs to."])
  }

  private static let templateOnBase = Rule(
    .templateOnBaseModel, "A model that was trained with a chat template ends a finished answer as the template does."
  ) { evidence in
    guard let chat = evidence.chat, chat.format == "template", chat.probability < unendingShare,
      let probe = evidence.probe, hasLearned(probe) || evidence.isMended(probe)
    else { return nil }
    return Finding(
      code: .templateOnBaseModel, certainty: .likely,
      evidence: [
        "behind a finished answer \(chat.turnEnd) has the probability \(significant(chat.probability)); a model that was "
          + "trained with this template gives it most of it"
      ],
      nextSteps: [
        "Use it as a base model: `bitnet run MODEL -p \"The beginning of a text\"`.",
        "For chat, take the instruction-tuned model, or the template that this one was trained with.",
      ])
  }

  private static let doubleBegin = Rule(
    .doubleBegin, "A text begins once."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary, vocabulary.templateBegins, vocabulary.addsBeginToken else { return nil }
    return Finding(
      code: .doubleBegin, certainty: .certain,
      evidence: [
        "the chat template writes the begin token \(vocabulary.beginToken ?? 0), and the tokenizer adds it, too"
      ],
      nextSteps: [
        "bitnet drops one of the two; for other runtimes set add_bos_token to false, or take it out of the template."
      ])
  }

  private static let unknownPreTokenizer = Rule(
    .unknownPreTokenizer, "Text must be split as it was in training; the rule is not in the vocabulary."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary, vocabulary.preTokenizer == "default" else { return nil }
    return Finding(
      code: .unknownPreTokenizer, certainty: .likely,
      evidence: ["tokenizer.ggml.pre is missing or 'default': numbers, apostrophes and line ends may be split wrongly"],
      nextSteps: ["Convert again from the folder with tokenizer.json: `bitnet convert SOURCE -o model.gguf`."])
  }

  private static let maskUntrained = Rule(
    .maskUntrained, "A mask token that was trained has a row of its own."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary else { return nil }
    let masks = vocabulary.untrainedMasks
    guard !masks.isEmpty else { return nil }
    return Finding(
      code: .maskUntrained, certainty: .likely,
      evidence: ["the row of \(list(masks)) in the embedding is zero, or the mean of all rows"],
      nextSteps: [
        "The mask was added and never trained: generate token by token, `bitnet run MODEL --decode-mode autoregressive`."
      ])
  }

  private static let noChatTemplate = Rule(
    .noChatTemplate, "A model that ends answers as a chat format does was trained with that format."
  ) { evidence in
    guard let chat = evidence.chat, chat.format != "template", chat.probability > endingShare else { return nil }
    return Finding(
      code: .noChatTemplate, certainty: .likely,
      evidence: [
        "behind an answer in the format \(chat.format), \(chat.turnEnd) has the probability \(fixed(chat.probability, 2)), "
          + "and there is no chat template"
      ],
      nextSteps: ["Take chat_template.jinja from the model that this one was made from."])
  }

  /// A chat model ends a finished answer with more than this.
  private static let endingShare = 0.2
  /// A model that never saw the format ends an answer with less than this.
  private static let unendingShare = 0.01
}
