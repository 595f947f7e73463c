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
  private static let rounds = 8

  /// Tries changes, and keeps those that help.
  ///
  /// - Parameters:
  ///   - model: the model as it is, in the mode to measure in.
  ///   - loss: its loss on the text.
  ///   - suspects: changes of matrices that the statistics of weights accuse.
  ///   - isBroken: whether the model predicts so badly that changes of settings are worth trying.
  /// - Returns: what was tried, and the model with all accepted changes.
  static func run(
    _ model: Model, tokens: [Int], loss: Double, suspects: [RepairCandidate], isBroken: Bool,
    progress: (String) -> Void, isCancelled: () -> Bool
  ) throws -> (search: RepairSearch, mended: Checkpoint) {
    var search = RepairSearch(mode: model.mode, loss: loss, accepted: [], tried: [], ablations: [])
    // What is still worse than chance explains nothing.
    let chance = log(Double(model.configuration.vocabularySize))
    var state = State(checkpoint: model.checkpoint, tokens: tokens, loss: loss)
    for round in 1...RepairSearch.rounds {
      let settings = isBroken ? try state.checkpoint.repairCandidates(model) : []
      let candidates = (suspects + settings).filter { candidate in
        !search.accepted.contains { $0.code == candidate.code && $0.tensors == candidate.tensors }
      }
      var results = try candidates.enumerated().compactMap { index, candidate in
        progress("change \(round).\(index + 1)/\(candidates.count)")
        return try state.changed(by: candidate, model, isCancelled: isCancelled)
      }
      results.sort { $0.loss < $1.loss || ($0.loss.isFinite && !$1.loss.isFinite) }
      if round == 1 { search.tried = results.compactMap(\.repairs.last) }
      if let winner = results.first(where: { $0.helps(isBroken) && $0.loss < chance }) {
        state = winner
      } else if round == 1, isBroken, loss > Rules.learnedShare * chance,
        let pair = try RepairSearch.pair(state, settings, model, progress: progress, isCancelled: isCancelled),
        pair.loss < chance, pair.loss <= loss - log(2)
      {
        // Two faults of which neither shows while the other is there.
        state = pair
      } else {
        break
      }
      search.accepted = state.repairs
    }
    // A little less bad is no explanation.
    if state.loss > Rules.learnedShare * chance { search.accepted.removeAll { $0.gain < log(2) } }
    guard isBroken, state.loss.isFinite, model.configuration.layerCount > 1 else { return (search, state.checkpoint) }
    search.ablations = try RepairSearch.ablate(state, model, progress: progress, isCancelled: isCancelled)
    return (search, state.checkpoint)
  }

  /// The best of all pairs of changes of settings, for models of a size that is looked at for a second only.
  private static func pair(
    _ state: State, _ candidates: [RepairCandidate], _ model: Model, progress: (String) -> Void,
    isCancelled: () -> Bool
  ) throws -> State? {
    let kinds: [Finding.Code] = [
      .wrongActivation, .wrongRopeBase, .wrongEpsilon, .wrongHead, .rotaryOrder, .subNormsMissing, .subNormsWrong,
      .scalesInverted,
    ]
    let settings = candidates.filter { kinds.contains($0.code) }
    var best: State?
    for (index, first) in settings.enumerated() {
      progress("changes in pairs \(index + 1)/\(settings.count)")
      guard let once = try state.changed(by: first, model, isCancelled: isCancelled) else { continue }
      for second in settings[(index + 1)...] where second.code != first.code {
        guard let twice = try once.changed(by: second, model, isCancelled: isCancelled) else { continue }
        if twice.loss < best?.loss ?? .infinity { best = twice }
      }
    }
    return best
  }

  /// Leaves out each half of each block.
  private static func ablate(
    _ state: State, _ model: Model, progress: (String) -> Void, isCancelled: () -> Bool
  ) throws -> [Ablation] {
    var ablations: [Ablation] = []
    let configuration = state.checkpoint.configuration
    for layer in 0..<configuration.layerCount {
      for (half, role) in [("attention", LinearRole.output), ("feedForward", .down)] {
        progress("without the \(half) of block \(layer)")
        let shape = role.shape(in: configuration)
        let zeros = Checkpoint.Replacement(shape: shape, floats: Array(repeating: 0, count: shape[0] * shape[1]))
        let candidate = RepairCandidate(
          code: .harmfulBlock, change: half,
          apply: { try $0.replacing(["blk.\(layer).\(role.rawValue).weight": zeros]) })
        guard let without = try state.changed(by: candidate, model, isCancelled: isCancelled) else { continue }
        ablations.append(Ablation(layer: layer, half: half, gain: state.loss - without.loss))
      }
    }
    return ablations
  }
}

/// A model with some things changed, and what it predicts.
private struct State {
  var checkpoint: Checkpoint
  var tokens: [Int]
  var start: [Int] = []
  var loss: Double
  var repairs: [Repair] = []

  /// With one thing more changed; `nil` where that cannot be run.
  func changed(by candidate: RepairCandidate, _ model: Model, isCancelled: () -> Bool) throws -> State? {
    let text = candidate.text(tokens)
    guard let changed = try? candidate.apply(checkpoint), let variant = try? model.variant(changed, mode: model.mode)
    else { return nil }
    let after = try variant.loss(on: text.tokens, after: text.start + start, isCancelled: isCancelled)
    let repair = Repair(
      code: candidate.code, change: candidate.change, tensors: candidate.tensors, before: loss, after: after)
    return State(
      checkpoint: changed, tokens: text.tokens, start: text.start + start, loss: after, repairs: repairs + [repair])
  }

  /// Whether the last change lowers the loss by enough: by little where statistics accuse a matrix of a model that
  /// predicts well otherwise.
  func helps(_ isBroken: Bool) -> Bool {
    guard let last = repairs.last else { return false }
    return last.gain >= (last.tensors.isEmpty || isBroken ? RepairSearch.threshold : RepairSearch.suspectThreshold)
  }
}
