#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The objectives' weights and the mixture of the data as a run goes on.
///
/// Progress is optimizer steps done / all optimizer steps, 0 to 1.
package struct Curriculum: Sendable {
  private let interpolation: TrainingConfiguration.Phases.Interpolation
  private let phases: [TrainingConfiguration.Phases.Phase]
  private let mixture: String?

  package init(_ configuration: TrainingConfiguration) {
    interpolation = configuration.curriculum.interpolation
    mixture = configuration.data.mixture
    if configuration.curriculum.isEnabled {
      phases = configuration.curriculum.phases
    } else {
      var weights: [String: Double] = [:]
      for name in TrainingConfiguration.ObjectiveName.allCases {
        let plan = configuration.objectives.plan(name)
        weights[name.rawValue] = plan.isEnabled ? plan.weight : 0
      }
      phases = [.init(name: "all", endRatio: 1, mixture: nil, weights: weights)]
    }
  }

  /// The phase at a progress. Each begins where the one before it ends.
  package func phase(progress: Double) -> (index: Int, name: String) {
    let index = phases.firstIndex { progress < $0.endRatio } ?? phases.count - 1
    return (index, phases[index].name)
  }

  /// The weight of every objective: within a phase it goes from the phase's before to its own; the first is constant.
  package func weights(progress: Double) -> [String: Double] {
    let index = phase(progress: progress).index
    let phase = phases[index]
    guard index > 0, interpolation != .none else { return phase.weights }
    let before = phases[index - 1]
    let position = min(max((progress - before.endRatio) / (phase.endRatio - before.endRatio), 0), 1)
    let share = interpolation == .linear ? position : (1 - cos(.pi * position)) / 2
    return phase.weights.merging(before.weights) { own, earlier in earlier + share * (own - earlier) }
  }

  /// The mixture of the data; `nil` where the sources' own weights are in force.
  package func mixture(progress: Double) -> String? { phases[phase(progress: progress).index].mixture ?? mixture }
}
