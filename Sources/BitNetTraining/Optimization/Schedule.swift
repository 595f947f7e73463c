#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What becomes of the rates' peaks and of the weight decay from step to step.
package struct Schedule: Sendable {
  private let scheduler: TrainingConfiguration.Scheduler
  private let steps: Int

  /// - Parameter steps: the optimizer steps of the whole run.
  package init(_ scheduler: TrainingConfiguration.Scheduler, steps: Int) {
    self.scheduler = scheduler
    self.steps = steps
  }

  /// The factor of every peak rate at a step, the first being 0.
  ///
  /// A linear warm-up begins every schedule. Then, with T steps, w of warm-up and the least factor m:
  /// - `cosine`: m + (1 - m) (1 + cos(pi q)) / 2, q = (step - w) / (T - w);
  /// - `wsd`: 1, then over the last `decay_ratio` T steps down to m in a line or half a cosine;
  /// - `bitnet_two_stage`: down to m in one line (or half a cosine) over all steps, of which the second stage takes a share
  ///   from the jump on (The Era of 1-bit LLMs: Training Tips).
  package func factor(step: Int) -> Double {
    let warmup = scheduler.warmupSteps
    if step < warmup {
      return scheduler.warmupStart + (1 - scheduler.warmupStart) * Double(step) / Double(warmup)
    }
    let least = max(scheduler.minimumRatio, 1e-8)
    switch scheduler.kind {
    case .constant: return 1
    case .cosine: return fall(Double(step - warmup) / Double(max(1, steps - warmup)), to: least, .cosine)
    case .wsd:
      let length = Int(Double(steps) * scheduler.decayRatio)
      return fall(Double(step - (steps - length)) / Double(max(1, length)), to: least, scheduler.decay)
    case .twoStage:
      let whole = fall(Double(step - warmup) / Double(max(1, steps - warmup)), to: least, scheduler.decay)
      return max(least, isSecondStage(step) ? whole * scheduler.secondStageRatio : whole)
    }
  }

  /// The factor of the weight decay at a step: the two-stage recipe lets weights settle in the second stage.
  package func decay(step: Int) -> Double {
    scheduler.kind == .twoStage && isSecondStage(step) ? scheduler.secondStageDecay : 1
  }

  private func isSecondStage(_ step: Int) -> Bool { Double(step) >= Double(steps) * scheduler.secondStageStart }

  /// From 1 down to `least` as the progress goes from 0 to 1.
  private func fall(_ progress: Double, to least: Double, _ shape: TrainingConfiguration.Scheduler.Decay) -> Double {
    let progress = min(max(progress, 0), 1)
    let left = shape == .linear ? 1 - progress : (1 + cos(.pi * progress)) / 2
    return least + (1 - least) * left
  }
}
