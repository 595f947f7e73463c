package import Kernels
import TrainingKernels

/// The masked-token objective of block diffusion: cross-entropy of the masked tokens, each predicted by the row before it.
package final class BlockDiffusionObjective: Objective {
  package let name = "dlm"
  package let view: PassView
  private let settings: BlockDiffusionView

  package init(_ settings: BlockDiffusionView) {
    self.settings = settings
    view = .blockDiffusion(settings)
  }

  package func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int {
    var count = 0
    for (index, documents) in batch.documents.enumerated() {
      for document in documents where document.count > 1 {
        count +=
          settings.isComplementary
          ? document.count - 1 : settings.mask(index, document, random: random).count { $0 }
      }
    }
    return count
  }

  package func logitLoss(
    _ pass: TrainingPass, _ range: Range<Int>, logits: FloatMatrix, weight: Float, gradient: FloatMatrix?,
    accumulates: Bool, on compute: Compute
  ) -> Double {
    compute.crossEntropy(
      logits, targets: pass.targets[range].map(\.token), smoothing: 0, weight: weight, gradient: gradient,
      accumulating: accumulates)
  }
}
