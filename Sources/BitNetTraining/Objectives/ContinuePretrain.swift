package import Kernels
import TrainingKernels

/// Cross-entropy of the next token within each document: `(1 - s) * nll + s * mean(-log p)` with label smoothing `s`.
package final class ContinuePretrain: Objective {
  package let name = "continue_pretrain"
  package let view = PassView.causal
  private let smoothing: Float
  /// Tokens that are never to be predicted.
  private let ignored: Set<Int>

  package init(labelSmoothing: Double = 0, ignoredTokens: Set<Int> = []) {
    smoothing = Float(labelSmoothing)
    ignored = ignoredTokens
  }

  package func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int {
    zip(batch.sequences, batch.documents).reduce(0) { total, sequence in
      sequence.1.reduce(total) { total, document in
        total + sequence.0[document].dropFirst().count { !ignored.contains($0) }
      }
    }
  }

  package func logitLoss(
    _ pass: TrainingPass, _ range: Range<Int>, logits: FloatMatrix, weight: Float, gradient: FloatMatrix?,
    accumulates: Bool, on compute: Compute
  ) -> Double {
    let targets = pass.targets[range].map { ignored.contains($0.token) ? nil : $0.token }
    return compute.crossEntropy(
      logits, targets: targets, smoothing: smoothing, weight: weight, gradient: gradient, accumulating: accumulates)
  }
}
