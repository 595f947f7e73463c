#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A learning-rate schedule as configured: the share of the largest rate that each step should have.
struct Schedule {
  var name: String
  /// In steps, or as a share of all steps if below 1.
  var warmup: Double
  var decayRatio: Double
  var minimum: Double

  private enum Kind { case constant, linear, cosine, warmupStableDecay }

  private var kind: Kind? {
    let name = name.lowercased()
    if name.contains("wsd") || name.contains("warmup_stable") { return .warmupStableDecay }
    if name.contains("cosine") { return .cosine }
    if name.contains("constant") { return .constant }
    return name.contains("linear") ? .linear : nil
  }

  /// Whether the schedule changes the rate apart from a warm-up; `nil` for one that is not known here.
  var changes: Bool? { kind.map { $0 != .constant } }

  /// The share at a step of `total`; `nil` for a schedule that is not known here.
  func share(at step: Int, of total: Int) -> Double? {
    guard let kind, total > 0 else { return nil }
    let total = Double(total), step = Double(step)
    let warmup = warmup < 1 ? warmup * total : warmup
    if step < warmup { return step / warmup }
    let progress = min(1, (step - warmup) / max(1, total - warmup))
    switch kind {
    case .constant: return 1
    case .linear: return minimum + (1 - minimum) * (1 - progress)
    case .cosine: return minimum + (1 - minimum) * (1 + cos(.pi * progress)) / 2
    case .warmupStableDecay:
      let decay = max(1, decayRatio * total)
      return minimum + (1 - minimum) * min(1, max(0, (total - step) / decay))
    }
  }
}
