#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What the files say against what the weights are, and changes of single settings that mend the predictions.
extension Rules {
  static let settingRules: [Rule] = [
    subNormsMissing, normsReset, subNormsUntrained,
    repaired(.wrongActivation, ["Set hidden_act in config.json, or the architecture's label, and convert again."]),
    repaired(.wrongRopeBase, ["Set rope_theta (GGUF: rope.freq_base) to what the model was trained with."]),
    wrongEpsilon,
    repaired(.wrongHead, ["Set tie_word_embeddings in config.json to what the model was trained with."]),
    repaired(.subNormsWrong, ["Compare the sub-norms with the source's: `bitnet compare SOURCE MODEL`."]),
    vocabularySize, quantizationMisdeclared, misleadingLabel,
  ]

  /// A rule for a change that was tried and helped.
  static func repaired(_ code: Finding.Code, _ nextSteps: [String], needs: String = "a text") -> Rule {
    Rule(code, "Of all single changes, the one that makes a model predict much better names the fault.") { evidence in
      guard let repairs = evidence.repairs else { return nil }
      let helped = repairs.accepted.filter { $0.code == code }
      guard !helped.isEmpty else { return nil }
      // Twice the perplexity no chance explains.
      let gain = helped.map(\.gain).max() ?? 0
      return Finding(
        code: code, certainty: gain >= log(2) ? .certain : .likely, tensors: helped.flatMap(\.tensors),
        evidence: helped.map(repairSentence), nextSteps: nextSteps)
    }
  }

  private static let wrongEpsilon = Rule(
    .wrongEpsilon, "An epsilon is there to keep norms from dividing by zero: models have 1e-6 to 1e-5."
  ) { evidence in
    let helped = evidence.repairs?.accepted.filter { $0.code == .wrongEpsilon } ?? []
    let epsilon = evidence.facts?.normEpsilon ?? 1e-5
    guard !helped.isEmpty || epsilon > 1e-3 else { return nil }
    return Finding(
      code: .wrongEpsilon, certainty: .certain,
      evidence: ["the epsilon of the norms is \(epsilon)"] + helped.map(repairSentence),
      nextSteps: [
        "Set rms_norm_eps (GGUF: attention.layer_norm_rms_epsilon) to what the model was trained with, mostly 1e-5."
      ])
  }

  static func repairSentence(_ repair: Repair) -> String {
    "with \(repair.change), the loss on the text falls from \(nats(repair.before)) to \(nats(repair.after)) "
      + "(perplexity over \(significant(exp(repair.gain))))"
  }

  private static let subNormsMissing = Rule(
    .subNormsMissing, "Every block of a BitNet has two sub-norms; without them the last matrices see other numbers."
  ) { evidence in
    guard let facts = evidence.facts else { return nil }
    let expected = 2 * facts.layers
    let declares = facts.architecture == "BitNetForCausalLM" || facts.architecture.hasPrefix("bitnet")
    let helped = evidence.repairs?.accepted.filter { $0.code == .subNormsMissing } ?? []
    let isPartial = facts.subNorms > 0 && facts.subNorms < expected
    guard isPartial || (facts.subNorms == 0 && declares) || !helped.isEmpty else { return nil }
    let present = Set(evidence.norms.map(\.name))
    let missing = (0..<facts.layers).flatMap { layer in
      ["attn_sub_norm", "ffn_sub_norm"].map { "blk.\(layer).\($0).weight" }
    }.filter { !present.contains($0) }
    return Finding(
      code: .subNormsMissing, certainty: .certain, tensors: missing,
      evidence: [
        "the architecture \(facts.architecture) has two sub-norms a block, \(expected) in all; found \(facts.subNorms)"
          + (isPartial ? ", without \(list(missing))" : "")
      ] + helped.map(repairSentence),
      nextSteps: [
        "Convert again from the source: sub-norms are called attn_sub_norm, inner_attn_ln or o_proj.0, ffn_sub_norm, "
          + "ffn_layernorm or down_proj.0 there."
      ])
  }

  private static let normsReset = Rule(
    .normsReset, "Gains that are all exactly 1 among trained ones were not read, but initialized."
  ) { evidence in
    let norms = evidence.norms.filter { !$0.isSubNorm }, reset = norms.filter(\.isUntouched)
    guard !reset.isEmpty, reset.count < norms.count else { return nil }
    return Finding(
      code: .normsReset, certainty: .certain, tensors: reset.map(\.name),
      evidence: ["\(reset.count) of \(norms.count) norms have all gains exactly 1: \(list(reset.map(\.name)))"],
      nextSteps: [
        "Convert again from the source; a loader initializes what it does not find under the name it expects."
      ])
  }

  private static let subNormsUntrained = Rule(
    .subNormsUntrained, "A sub-norm that was trained has gains of its own; exactly 1 is what inserting it leaves."
  ) { evidence in
    let subNorms = evidence.norms.filter(\.isSubNorm), others = evidence.norms.filter { !$0.isSubNorm }
    guard !subNorms.isEmpty, subNorms.allSatisfy(\.isUntouched), !others.allSatisfy(\.isUntouched) else { return nil }
    return Finding(
      code: .subNormsUntrained, certainty: .certain, severity: .error, tensors: subNorms.map(\.name),
      evidence: [
        "all \(subNorms.count) sub-norms have gains of exactly 1, the other \(others.count) norms have not"
      ],
      nextSteps: [
        "Sub-norms were inserted into a model and nothing was trained since, or the trainer did not train them: look at "
          + "the list of parameters that its optimizer was given.",
        "`bitnet diagnose MODEL --reference BASE` tells whether these are the base model's weights.",
      ])
  }

  private static let vocabularySize = Rule(
    .vocabularySize, "The embedding has a row for every token that config.json counts."
  ) { evidence in
    guard let vocabulary = evidence.vocabulary, let declared = vocabulary.declaredSize, declared != vocabulary.rows
    else {
      return nil
    }
    return Finding(
      code: .vocabularySize, certainty: .certain,
      evidence: [
        "config.json says vocab_size \(declared), the embedding has \(vocabulary.rows) rows, the tokenizer "
          + "\(vocabulary.tokens) tokens",
        "one row more is what adding a mask token leaves (128257 for 128256)",
      ],
      nextSteps: [
        "Set vocab_size in config.json to \(vocabulary.rows); other runtimes refuse the model or read past its rows."
      ])
  }

  private static let quantizationMisdeclared = Rule(
    .quantizationMisdeclared, "offline means packed trits, online means master weights; a runtime acts on the word."
  ) { evidence in
    guard let facts = evidence.facts, let mode = facts.quantizationMode, !evidence.weights.isEmpty else { return nil }
    let packed = evidence.weights.count { $0.storage == "U8" }
    let isWrong = (mode == "offline" && packed == 0) || (mode == "online" && packed > 0)
    guard isWrong else { return nil }
    return Finding(
      code: .quantizationMisdeclared, certainty: .certain,
      evidence: [
        "quantization_config says quantization_mode \(mode), and \(packed) of \(evidence.weights.count) linear layers "
          + "are packed"
      ],
      nextSteps: ["Set quantization_mode in config.json to \(packed > 0 ? "offline" : "online")."])
  }

  /// What `general.file_type` says, where it names one type of which there is nothing in the file.
  private static let misleadingLabel = Rule(
    .misleadingLabel, "file_type is a label, and programs number it differently; the types of the tensors count."
  ) { evidence in
    let types: [Int: [String]] = [
      0: ["F32"], 1: ["F16"], 2: ["Q4_0"], 3: ["Q4_1"], 7: ["Q8_0"], 36: ["TQ1_0"], 37: ["TQ2_0"],
      40: ["I2_S"], 41: ["I2_S"],
    ]
    guard let facts = evidence.facts, let label = facts.fileType, let expected = types[label],
      !facts.linearTypes.isEmpty, expected.allSatisfy({ facts.linearTypes[$0] == nil })
    else { return nil }
    let found = facts.linearTypes.sorted { $0.value > $1.value }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    // Falling back to full precision makes the file several times too large.
    let isFallback = label >= 36 && ["F16", "F32", "BF16"].contains { facts.linearTypes[$0] != nil }
    return Finding(
      code: .misleadingLabel, certainty: .certain, severity: isFallback ? .warning : .info,
      evidence: ["general.file_type \(label) stands for \(expected[0]); the linear layers are \(found)"],
      nextSteps: ["Convert again with the type that is meant: `bitnet convert SOURCE -o model.gguf --type i2_s`."])
  }
}
