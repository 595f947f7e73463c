import BitNet
import Kernels
import Tokenization

extension TrainingConfiguration {
  /// The number of block diffusion's mask token; `nil` where there is no block diffusion.
  ///
  /// - Throws: ``RunError/unknownMaskToken(_:tokenizer:)``.
  func maskToken(in tokenizer: Tokenizer) throws(RunError) -> Int? {
    let dlm = objectives.dlm
    guard dlm.plan.isEnabled else { return nil }
    if let text = dlm.maskToken {
      guard let id = tokenizer.id(ofTokenNamed: text) else {
        throw .unknownMaskToken(text, tokenizer: tokenizer.source)
      }
      return id
    }
    guard let id = dlm.maskTokenID, id < tokenizer.vocabularySize else {
      throw .unknownMaskToken("\(dlm.maskTokenID ?? -1)", tokenizer: tokenizer.source)
    }
    return id
  }

  /// What is learnt, in the order of the names.
  ///
  /// - Throws: `ModelError` for a teacher that cannot be loaded, ``RunError/unfitTeacher(_:)``.
  func makeObjectives(maskToken: Int?, student: ModelConfiguration, compute: Compute) throws -> [any Objective] {
    var result: [any Objective] = []
    if objectives.continuePretrain.plan.isEnabled {
      result.append(BitNetTraining.ContinuePretrain(labelSmoothing: objectives.continuePretrain.labelSmoothing))
    }
    if let maskToken {
      let dlm = objectives.dlm
      result.append(
        BlockDiffusionObjective(
          BlockDiffusionView(
            maskToken: maskToken, blockSize: dlm.blockSize, maskProbability: dlm.maskProbability,
            isComplementary: dlm.usesComplementaryMasks,
            attention: dlm.attention == .causal ? .causal : .bidirectional)))
    }
    if let path = teacher {
      let teacher = try Teacher(checkpoint: Checkpoint(path: path), compute: compute)
      try check(teacher.model.configuration, for: student)
      result += distillation(from: teacher, student: student)
    }
    return result
  }

  private func distillation(from teacher: Teacher, student: ModelConfiguration) -> [any Objective] {
    var result: [any Objective] = []
    if objectives.logitsDistill.plan.isEnabled {
      result.append(BitNetTraining.LogitsDistill(teacher: teacher, temperature: objectives.logitsDistill.temperature))
    }
    let attention = objectives.attentionDistill
    if attention.plan.isEnabled {
      func block(_ count: Int) -> Int { attention.layer < 0 ? count + attention.layer : attention.layer }
      result.append(
        BitNetTraining.AttentionDistill(
          teacher: teacher, layer: block(student.layerCount),
          teacherLayer: block(teacher.model.configuration.layerCount),
          heads: attention.splitHeads, temperature: attention.temperature))
    }
    let layerwise = objectives.layerwiseDistill
    if layerwise.plan.isEnabled,
      let distance = BitNetTraining.LayerwiseDistill.Distance(rawValue: layerwise.loss.rawValue),
      let weights = BitNetTraining.LayerwiseDistill.LayerWeights(rawValue: layerwise.layerWeights.rawValue)
    {
      result.append(BitNetTraining.LayerwiseDistill(teacher: teacher, distance: distance, layerWeights: weights))
    }
    return result
  }

  /// Refuses a teacher whose states cannot be compared with the student's.
  private func check(_ teacher: ModelConfiguration, for student: ModelConfiguration) throws(RunError) {
    func require(_ objective: Plan, _ holds: Bool, _ problem: String) throws(RunError) {
      if objective.isEnabled, !holds { throw .unfitTeacher(problem) }
    }
    try require(
      objectives.logitsDistill.plan, teacher.vocabularySize == student.vocabularySize,
      "logits_distill: the teacher's vocabulary has \(teacher.vocabularySize) tokens, the student's "
        + "\(student.vocabularySize)")
    try require(
      objectives.layerwiseDistill.plan,
      teacher.layerCount == student.layerCount && teacher.hiddenSize == student.hiddenSize,
      "layerwise_distill: the teacher has \(teacher.layerCount) blocks of \(teacher.hiddenSize), the student "
        + "\(student.layerCount) of \(student.hiddenSize)")
    let (heads, layer) = (objectives.attentionDistill.splitHeads, objectives.attentionDistill.layer)
    let widths = [teacher, student].flatMap { [$0.heads * $0.headSize, $0.kvHeads * $0.headSize] }
    try require(
      objectives.attentionDistill.plan, widths.allSatisfy { $0.isMultiple(of: heads) },
      "attention_distill.split_heads is \(heads), no divisor of the models' widths \(widths)")
    let blocks = min(teacher.layerCount, student.layerCount)
    try require(
      objectives.attentionDistill.plan, (-blocks..<blocks).contains(layer),
      "attention_distill.layer is \(layer), where the models have \(blocks) blocks")
  }
}
