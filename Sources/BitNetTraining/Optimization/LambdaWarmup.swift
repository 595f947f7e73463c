#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// How much quantization the linear layers apply from step to step.
package struct LambdaWarmup: Sendable {
  private let lambda: TrainingConfiguration.Lambda

  package init(_ lambda: TrainingConfiguration.Lambda) { self.lambda = lambda }

  /// Lambda at an optimizer step, the first being 0; the maximum from `warmup_steps` on, and 1 where the warm-up is off.
  package func value(step: Int) -> Double {
    guard lambda.isEnabled else { return 1 }
    guard step < lambda.warmupSteps else { return lambda.maximum }
    let share = rise(Double(step) / Double(lambda.warmupSteps))
    return lambda.minimum + (lambda.maximum - lambda.minimum) * share
  }

  /// From about 0 to about 1 as the progress goes from 0 to 1.
  private func rise(_ progress: Double) -> Double {
    switch lambda.shape {
    case .linear: progress
    case .cosine: (1 - cos(.pi * progress)) / 2
    case .sigmoid: 1 / (1 + exp(-(lambda.steepness ?? 15) * (progress - 0.5)))
    case .exponential: 1 - pow(1 - progress, lambda.steepness ?? 4)
    }
  }
}
