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
  func makeObjectives(maskToken: Int?) -> [any Objective] {
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
    return result
  }
}
