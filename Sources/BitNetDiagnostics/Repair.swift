public import BitNet
import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One thing about the model changed in memory, and how much better it predicts the text then. What predicts much better
/// names the fault: an undertrained model gets better by none of them.
public struct Repair: Sendable, Codable {
  /// The conclusion that the change stands for.
  public var code: Finding.Code
  /// What was changed, as a phrase: "rotary base 10000 for 500000".
  public var change: String
  /// The tensors that were changed, if not all.
  public var tensors: [String]
  /// The loss without the change, in nats per token.
  public var before: Double
  /// The loss with it.
  public var after: Double

  /// By how much the loss falls.
  public var gain: Double { before.isFinite ? before - after : after.isFinite ? .infinity : 0 }
}

/// Everything that was tried.
public struct RepairSearch: Sendable, Codable {
  /// The arithmetic in which it was tried: the one that predicts the text best.
  public var mode: QuantizationMode
  /// The loss as the files are.
  public var loss: Double
  /// The changes that helped, each on top of those before it.
  public var accepted: [Repair]
  /// What each change did by itself to the model as it is, the best first.
  public var tried: [Repair]
  /// The loss with one half of one block left out, on top of the accepted changes.
  public var ablations: [Ablation]
}

/// A half of a block left out.
public struct Ablation: Sendable, Codable {
  /// The block.
  public var layer: Int
  /// `attention` or `feedForward`.
  public var half: String
  /// By how much the loss falls without it; below zero for every half that does its work.
  public var gain: Double
}

/// A change that can be tried.
struct RepairCandidate {
  let code: Finding.Code
  let change: String
  var tensors: [String] = []
  var apply: (Checkpoint) throws -> Checkpoint = { $0 }
  /// The tokens to measure on, and tokens in front of them.
  var text: ([Int]) -> (start: [Int], tokens: [Int]) = { ([], $0) }
}

extension RepairSearch {
  /// A change that lowers the loss by less than this is none.
  static let threshold = 0.1
  /// The same for a matrix that its statistics accuse already.
  static let suspectThreshold = 0.01
  /// No more changes are looked for on top of each other.
  private static let rounds = 4

  /// - Parameters:
  ///   - model: the model as it is, in the mode to measure in.
  ///   - loss: its loss on the text.
  ///   - suspects: changes of matrices that the statistics of weights accuse.
  ///   - isBroken: whether the model predicts so badly that changes of settings are worth trying.
  init(
    _ model: Model, tokens: [Int], loss: Double, suspects: [RepairCandidate], isBroken: Bool,
    progress: (String) -> Void, isCancelled: () -> Bool
  ) throws {
    self.init(mode: model.mode, loss: loss, accepted: [], tried: [], ablations: [])
    var checkpoint = model.checkpoint, best = loss
    var text = (start: [Int](), tokens: tokens)
    for round in 0..<RepairSearch.rounds {
      let accused = suspects.map { ($0, RepairSearch.suspectThreshold) }
      let settings = isBroken ? try checkpoint.repairCandidates(model).map { ($0, RepairSearch.threshold) } : []
      var results: [(candidate: RepairCandidate, repair: Repair, limit: Double)] = []
      for (index, (candidate, limit)) in (accused + settings).enumerated()
      where !accepted.contains(where: { $0.code == candidate.code && $0.tensors == candidate.tensors }) {
        progress("repair \(round + 1).\(index + 1)/\(accused.count + settings.count)")
        let changed = candidate.text(text.tokens)
        guard let variant = try? model.variant(candidate.apply(checkpoint), mode: model.mode) else { continue }
        let after = try variant.loss(on: changed.tokens, after: changed.start, isCancelled: isCancelled)
        let repair = Repair(
          code: candidate.code, change: candidate.change, tensors: candidate.tensors, before: best, after: after)
        results.append((candidate, repair, limit))
      }
      results.sort { $0.repair.after < $1.repair.after || ($0.repair.after.isFinite && !$1.repair.after.isFinite) }
      if round == 0 { tried = results.map(\.repair) }
      // What is still worse than chance explains nothing.
      let chance = log(Double(checkpoint.configuration.vocabularySize))
      guard let winner = results.first(where: { $0.repair.gain >= $0.limit && $0.repair.after < chance }) else {
        break
      }
      accepted.append(winner.repair)
      checkpoint = try winner.candidate.apply(checkpoint)
      text = winner.candidate.text(text.tokens)
      best = winner.repair.after
    }
    guard isBroken, best.isFinite, checkpoint.configuration.layerCount > 1 else { return }
    ablations = try RepairSearch.ablate(
      checkpoint, model, text: text, loss: best, progress: progress, isCancelled: isCancelled)
  }

  /// Leaves out each half of each block.
  private static func ablate(
    _ checkpoint: Checkpoint, _ model: Model, text: (start: [Int], tokens: [Int]), loss: Double,
    progress: (String) -> Void, isCancelled: () -> Bool
  ) throws -> [Ablation] {
    var ablations: [Ablation] = []
    let configuration = checkpoint.configuration
    for layer in 0..<configuration.layerCount {
      for (half, role) in [("attention", LinearRole.output), ("feedForward", .down)] {
        progress("without the \(half) of block \(layer)")
        let shape = role.shape(in: configuration)
        let zeros = Checkpoint.Replacement(shape: shape, floats: Array(repeating: 0, count: shape[0] * shape[1]))
        let without = try checkpoint.replacing(["blk.\(layer).\(role.rawValue).weight": zeros])
        guard let variant = try? model.variant(without, mode: model.mode) else { continue }
        let after = try variant.loss(on: text.tokens, after: text.start, isCancelled: isCancelled)
        ablations.append(Ablation(layer: layer, half: half, gain: loss - after))
      }
    }
    return ablations
  }
}
