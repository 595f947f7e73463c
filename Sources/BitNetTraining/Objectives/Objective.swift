package import Kernels
package import TrainingKernels

/// What an objective came to on some tokens.
package struct ObjectiveResult: Sendable, Equatable {
  /// The sum of the losses of all supervised tokens, without the objective's weight.
  package var lossSum = 0.0
  /// How many tokens were supervised.
  package var count = 0

  package init() {}

  package init(lossSum: Double, count: Int) {
    self.lossSum = lossSum
    self.count = count
  }

  /// The mean loss; 0 where nothing was supervised.
  package var loss: Double { count == 0 ? 0 : lossSum / Double(count) }

  package static func += (left: inout ObjectiveResult, right: ObjectiveResult) {
    left.lossSum += right.lossSum
    left.count += right.count
  }
}

/// Something that a model is trained for.
///
/// Objectives that read the same view of a batch share one forward and one backward pass.
package protocol Objective: AnyObject {
  /// The name in configurations and logs: `continue_pretrain`.
  var name: String { get }
  /// What of a batch goes through the model.
  var view: PassView { get }
  /// Whether the logits of the view's targets are needed.
  var readsLogits: Bool { get }

  /// How many tokens of a batch will be supervised, known before anything is computed.
  func supervisedCount(_ batch: TokenBatch, random: TrainingRandom) -> Int
  /// Called while the model runs the pass, after each of its blocks.
  func observe(layer: Int, states: AttentionStates, rows: Int, on compute: Compute)
  /// Called once the model has run the pass, before its logits are taken: teachers run it too.
  func prepare(_ pass: TrainingPass)
  /// The sum of the losses of some targets.
  ///
  /// - Parameters:
  ///   - range: the targets of the pass that the first rows of `logits` belong to.
  ///   - weight: what the gradient by the logits is multiplied by.
  ///   - gradient: where to leave that; `accumulates` says that there is something already.
  func logitLoss(
    _ pass: TrainingPass, _ range: Range<Int>, logits: FloatMatrix, weight: Float, gradient: FloatMatrix?,
    accumulates: Bool, on compute: Compute
  ) -> Double
  /// The sum of the losses that are taken from the states inside the model, whose gradients times `weight` are added.
  func stateLoss(
    _ pass: TrainingPass, model: TrainableModel, weight: Float, gradients: inout InnerGradients
  ) -> Double
}

extension Objective {
  package var readsLogits: Bool { true }

  package func observe(layer: Int, states: AttentionStates, rows: Int, on compute: Compute) {}

  package func prepare(_ pass: TrainingPass) {}

  package func logitLoss(
    _ pass: TrainingPass, _ range: Range<Int>, logits: FloatMatrix, weight: Float, gradient: FloatMatrix?,
    accumulates: Bool, on compute: Compute
  ) -> Double { 0 }

  package func stateLoss(
    _ pass: TrainingPass, model: TrainableModel, weight: Float, gradients: inout InnerGradients
  ) -> Double { 0 }
}

/// What of a batch goes through the model: objectives with equal views share it.
package enum PassView: Hashable, Sendable {
  /// The tokens as they are, each seeing those before it in its document; every token but a document's first is a target.
  case causal
  /// Noised and clean copies for block diffusion.
  case blockDiffusion(BlockDiffusionView)

  /// The rows, what they see and what they predict.
  package func pass(_ batch: TokenBatch, random: TrainingRandom) -> TrainingPass {
    switch self {
    case .causal: TrainingPass(causal: batch)
    case .blockDiffusion(let view): view.pass(batch, random: random)
    }
  }
}

extension TrainingPass {
  /// The sequences of a batch one after the other, each document for itself.
  package init(causal batch: TokenBatch) {
    self.init()
    for (tokens, documents) in zip(batch.sequences, batch.documents) {
      for document in documents where !document.isEmpty {
        let first = self.tokens.count
        self.tokens += tokens[document]
        positions += 0..<document.count
        groups.append(.causal(first..<self.tokens.count))
        for offset in 1..<max(1, document.count) {
          targets.append(Target(row: first + offset - 1, token: tokens[document.lowerBound + offset]))
        }
      }
    }
  }
}
