import BitNet
import Kernels
import ModelFormats
import Tokenization

/// Gathers the evidence on one model, as far as its files allow.
struct Examination {
  let checkpoint: Checkpoint
  let options: Diagnosis.Options
  let compute: Compute
  var evidence = Evidence()

  /// A model predicts so well that no setting can be far off when its loss is at most this share of a uniform guess.
  private static let convincingShare = 0.35

  // MARK: Files

  mutating func examineFiles(progress: (String) -> Void, isCancelled: () -> Bool) throws {
    let tokenizer = try readTokenizer()
    evidence.facts = try ModelFacts(checkpoint, tokenizer: tokenizer)
    evidence.norms = try checkpoint.normStatistics()
    if let tokenizer { evidence.vocabulary = try VocabularyFacts(checkpoint, tokenizer: tokenizer) }
    let configuration = checkpoint.configuration
    let drawn = Set([0, configuration.layerCount / 2, configuration.layerCount - 1])
    for layer in 0..<configuration.layerCount {
      if isCancelled() { throw CancellationError() }
      progress("block \(layer + 1)/\(configuration.layerCount)")
      var matrices: [LinearRole: [[Float]]] = [:]
      for role in LinearRole.allCases {
        let name = "blk.\(layer).\(role.rawValue).weight"
        do {
          let matrix = try checkpoint.linear(layer, role, compute: compute)
          let rows = compute.pool.map(count: matrix.shape[0]) { matrix.floats(row: $0) }
          matrices[role] = rows
          let storage = checkpoint.tensors[name]?.type.rawValue ?? ""
          evidence.weights.append(
            WeightStatistics(
              name: name, storage: storage, rows: rows, hasHistogram: drawn.contains(layer), pool: compute.pool))
        } catch {
          try evidence.note(error, tensor: name)
        }
      }
      evidence.coherence.append(
        BlockCoherence(layer: layer, matrices: matrices, configuration: configuration, pool: compute.pool))
    }
    evidence.scaleSuspects = ScaleSuspect.find(evidence.weights)
  }

  private mutating func readTokenizer() throws -> Tokenizer? {
    do {
      return try checkpoint.tokenizer()
    } catch {
      try evidence.note(error)
      return nil
    }
  }

  // MARK: Behaviour

  mutating func examineBehaviour(progress: (String) -> Void, isCancelled: () -> Bool) throws {
    // Weights that are no numbers have no trits, and what such a model says is no further evidence.
    guard evidence.weights.allSatisfy({ $0.nonFinite == 0 }) else { return }
    let model: Model
    let models: [Model]
    do {
      progress("loading")
      model = try Model(
        checkpoint: checkpoint, options: .init(mode: QuantizationMode.none, threads: options.threads))
      progress("ternarizing")
      models = try QuantizationMode.allCases.map { try model.inMode($0) }
    } catch {
      return try evidence.note(error)
    }
    guard let tokenizer = model.tokenizer else { return }
    let rows = checkpoint.configuration.vocabularySize
    let prompts = options.prompts.isEmpty ? Diagnosis.defaultPrompts : options.prompts
    for (index, prompt) in prompts.enumerated() {
      progress("prompt \(index + 1)/\(prompts.count)")
      let tokens = tokenizer.encode(prompt)
      // A vocabulary that is too long for the embedding is a finding of its own.
      guard !tokens.isEmpty, tokens.allSatisfy({ $0 < rows }) else { continue }
      evidence.behaviour.append(
        try PromptBehaviour(
          prompt: prompt, tokens: tokens, models: models, continuationLength: options.continuationLength,
          isCancelled: isCancelled))
    }
    progress("text")
    let builtIn = tokenizer.encode(ProbeText.english), given = options.probeText.map { tokenizer.encode($0) }
    for text in [given, builtIn].compactMap(\.self) where text.allSatisfy({ $0 < rows }) {
      let probe = try TextProbe(tokens: text, models: models, isCancelled: isCancelled)
      if evidence.probe == nil, given == nil || text == given {
        evidence.probe = probe
      } else {
        evidence.english = probe
      }
    }
    try examineCauses(models, builtIn: builtIn, progress: progress, isCancelled: isCancelled)
  }

  /// What a model that predicts badly, or has accused matrices, predicts with single things changed.
  private mutating func examineCauses(
    _ models: [Model], builtIn: [Int], progress: (String) -> Void, isCancelled: () -> Bool
  ) throws {
    let probes = [evidence.probe, evidence.english].compactMap(\.self).filter { $0.tokens >= Rules.minimumTokens }
    // A model for another language does well on a text of its own kind only.
    guard let judged = probes.min(by: { $0.share < $1.share }) else { return }
    let isBuiltIn = options.probeText == nil || judged.best == evidence.english?.best
    let text = isBuiltIn ? builtIn : models[0].tokenizer?.encode(options.probeText ?? "") ?? builtIn
    guard let model = models.first(where: { $0.mode == judged.bestMode }) ?? models.first else { return }
    progress("activations")
    evidence.activations = try LayerActivations.measure(model, tokens: text, isCancelled: isCancelled)
    let isBroken = !(judged.share <= Examination.convincingShare)
    let suspects = try suspectCandidates()
    var mended = model
    if isBroken || !suspects.isEmpty {
      let (search, checkpoint) = try RepairSearch.run(
        model, tokens: text, loss: judged.best, suspects: suspects, isBroken: isBroken, progress: progress,
        isCancelled: isCancelled)
      evidence.repairs = search
      if !search.accepted.isEmpty { mended = try model.variant(checkpoint, mode: model.mode) }
    }
    progress("chat")
    evidence.chat = try ChatProbe.measure(mended, turnEnd: evidence.vocabulary?.turnEnd, isCancelled: isCancelled)
  }

  /// What would mend the matrices that the statistics accuse.
  private func suspectCandidates() throws -> [RepairCandidate] {
    var candidates: [RepairCandidate] = []
    for suspect in evidence.scaleSuspects {
      let parts = suspect.name.split(separator: ".")
      guard parts.count == 4, let layer = Int(parts[1]), let role = LinearRole(rawValue: String(parts[2])) else {
        continue
      }
      // Where all scales are inverted, one that is too small looks too large.
      for (word, factor) in [("divided", 1 / suspect.factor), ("multiplied", suspect.factor)] {
        candidates.append(
          RepairCandidate(
            code: .scaleOutlier, change: "\(suspect.name) \(word) by \(significant(suspect.factor))",
            tensors: [suspect.name]
          ) { [compute] checkpoint in
            try checkpoint.replacing(checkpoint.scaling(layer, role, by: Float(factor), compute: compute))
          })
      }
    }
    for layer in BlockCoherence.rotarySuspects(evidence.coherence) {
      let names = [LinearRole.query, .key].map { "blk.\(layer).\($0.rawValue).weight" }
      candidates.append(
        RepairCandidate(
          code: .rotaryOrder, change: "q and k of block \(layer) in the other rotary order", tensors: names
        ) { [compute] checkpoint in try checkpoint.reorderingRotaryPairs(of: layer, compute: compute) })
    }
    let damaged = evidence.norms.filter { $0.nonFinite > 0 }.map(\.name)
    if !damaged.isEmpty {
      candidates.append(
        RepairCandidate(code: .damaged, change: "gains that are no numbers as 1", tensors: damaged) { checkpoint in
          try checkpoint.replacingNonFinite(damaged)
        })
    }
    return candidates
  }
}

extension Checkpoint {
  /// Vectors with 1 for what is infinite or not a number.
  fileprivate func replacingNonFinite(_ names: [String]) throws -> Checkpoint {
    var changed: [String: Replacement?] = [:]
    for name in names {
      let values = try tensors[name]?.floats().map { $0.isFinite ? $0 : 1 } ?? []
      changed[name] = Replacement(shape: [values.count], floats: values)
    }
    return try replacing(changed)
  }

  /// The queries and keys of one block with the rows of each head in the other order of rotary pairs.
  fileprivate func reorderingRotaryPairs(of layer: Int, compute: Compute) throws -> Checkpoint {
    var changed: [String: Replacement?] = [:]
    for (role, heads) in [(LinearRole.query, configuration.heads), (.key, configuration.kvHeads)] {
      let neighbours = RotaryOrder(configuration, heads: heads).neighboursOfHalves
      // Rows that should be neighbours and are halves are to become neighbours, and the reverse.
      let order = configuration.ropeLayout == .interleaved ? RotaryOrder.inverse(neighbours) : neighbours
      let rows = try rows(of: layer, role, compute: compute)
      changed["blk.\(layer).\(role.rawValue).weight"] = Replacement(
        shape: [rows.count, rows.first?.count ?? 0], floats: order.flatMap { rows[$0] })
    }
    return try replacing(changed)
  }
}
