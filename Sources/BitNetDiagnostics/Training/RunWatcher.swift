import BitNet
import ModelFormats

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Follows a running training: each look tells what is new in its folder since the last.
public struct RunWatcher {
  /// What is new: a checkpoint with its verdict, or a step that the logs have come to.
  public struct News: Sendable, Codable {
    /// The step; `nil` for a checkpoint without one, such as `final`.
    public var step: Int?
    /// The checkpoint's folder; `nil` for news from the logs.
    public var checkpoint: String?
    /// The verdict on the checkpoint.
    public var verdict: Finding.Code?
    /// The perplexity on the built-in text, by mode.
    public var perplexity: [String: Double]?
    /// The share of zeros among the trits.
    public var zeros: Double?
    /// The least and the most that ternarization keeps of a matrix's Frobenius norm.
    public var kept: ClosedRange<Double>?
    /// The state of the run in a few words.
    public var training: String?
    /// What the logs show to be wrong.
    public var warnings: [Finding.Code] = []
    /// Why a checkpoint cannot be judged.
    public var problem: String?
  }

  private let folder: String
  private let threads: Int?
  private var done: Set<String> = []
  private var failures: [String: Int] = [:]
  private var lastStep: Int?

  /// A checkpoint that is being written cannot be read yet; this many looks it is given.
  private static let patience = 3

  /// - Parameters:
  ///   - folder: the run's folder; checkpoints lie in it or in `checkpoints` below it.
  ///   - threads: `nil` takes all processors available to the process.
  public init(folder: String, threads: Int? = nil) {
    self.folder = folder
    self.threads = threads
  }

  /// What is new. Models are loaded one after another and each judged as `Diagnosis` does.
  ///
  /// - Parameters:
  ///   - isLast: whether there will be no further look, so that a checkpoint which cannot be read is told at once.
  ///   - isCancelled: asked between steps.
  ///   - tell: called with each piece of news as soon as it is known.
  /// - Throws: `CancellationError`.
  public mutating func look(isLast: Bool = false, isCancelled: () -> Bool, tell: (News) throws -> Void) throws {
    for path in newCheckpoints() {
      if isCancelled() { throw CancellationError() }
      do {
        let diagnosis = try Diagnosis(
          of: Checkpoint(path: path), options: .init(continuationLength: 8, threads: threads), isCancelled: isCancelled)
        done.insert(path)
        try tell(News(diagnosis, path: path))
      } catch let error as CancellationError {
        throw error
      } catch {
        failures[path, default: 0] += 1
        guard isLast || failures[path, default: 0] >= RunWatcher.patience else { continue }
        done.insert(path)
        try tell(News(step: TrainerState.step(inName: path), checkpoint: path, problem: "\(error)"))
      }
    }
    guard let training = TrainingEvidence(near: folder), let step = training.globalStep, step != lastStep else {
      return
    }
    lastStep = step
    try tell(News(step: step, training: training.summary, warnings: RunWatcher.warnings(training)))
  }

  /// Folders with weights that were not judged yet, by step.
  private func newCheckpoints() -> [String] {
    [folder, "\(folder)/checkpoints"].flatMap { place in
      ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []).filter(TrainingSources.isCheckpointName)
        .map { "\(place)/\($0)" }
    }.filter { path in
      // A link such as `best` leads to one of the others.
      !done.contains(path) && !TrainingSources.isLink(path)
        && FileManager.default.fileExists(atPath: "\(path)/config.json")
        && ["model.safetensors", "model.safetensors.index.json"].contains {
          FileManager.default.fileExists(atPath: "\(path)/\($0)")
        }
    }.sorted { a, b in
      let steps = (TrainerState.step(inName: a) ?? .max, TrainerState.step(inName: b) ?? .max)
      return steps.0 == steps.1 ? a < b : steps.0 < steps.1
    }
  }

  /// A run that goes on has not done all its steps yet, which is no warning.
  fileprivate static func warnings(_ training: TrainingEvidence) -> [Finding.Code] {
    TrainingRunRules.findings(for: training).map(\.code).filter { ![.fewSteps, .stoppedEarly].contains($0) }
  }
}

extension RunWatcher.News {
  init(_ diagnosis: Diagnosis, path: String) {
    let losses = diagnosis.probe?.losses ?? []
    self.init(
      step: diagnosis.facts.globalStep, checkpoint: path, verdict: diagnosis.verdict.code,
      perplexity: Dictionary(losses.map { ($0.mode.rawValue, $0.perplexity) }, uniquingKeysWith: { $1 }),
      zeros: diagnosis.weightSummary.shares.zero, kept: diagnosis.weightSummary.frobeniusRatio,
      training: diagnosis.training?.summary, warnings: diagnosis.training.map(RunWatcher.warnings) ?? [])
  }

  /// The news in one line.
  public var line: String {
    var parts = [step.map { "step \($0)" } ?? "no step"]
    if let checkpoint { parts.append(singleLine(NewFile.split(checkpoint).name)) }
    if let problem { parts.append("cannot be judged: \(singleLine(problem))") }
    if let verdict { parts.append("\(verdict.rawValue) \(verdict.title)") }
    if let perplexity, !perplexity.isEmpty {
      let modes = QuantizationMode.allCases.compactMap { mode in
        perplexity[mode.rawValue].map { "\(mode.rawValue) \(significant($0))" }
      }
      parts.append("perplexity \(modes.joined(separator: ", "))")
    }
    if let zeros, let kept {
      let range = [kept.lowerBound, kept.upperBound].map { fixed($0 * 100, 1) }
      parts.append("zeros \(fixed(zeros * 100, 1)) %, norms kept \(range.joined(separator: "-")) %")
    }
    if let training, !training.isEmpty { parts.append(singleLine(training)) }
    if !warnings.isEmpty { parts.append(warnings.map { "\($0.rawValue) \($0.title)" }.joined(separator: "; ")) }
    return parts.joined(separator: " | ")
  }
}
