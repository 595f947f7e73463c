import ModelFormats

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A phase of a curriculum: until `end`, a share of the training, the weights move to these.
struct CurriculumPhase {
  var name: String
  var end: Double
  var weights: [String: Double]
  var isCosine: Bool

  init?(_ value: JSONValue, isCosine: Bool) {
    guard case .object(let object) = value, let end = object["end_ratio"]?.double, end.isFinite else { return nil }
    self.end = end
    self.isCosine = isCosine
    if case .string(let name)? = object["name"] { self.name = name.string } else { name = "\(end)" }
    weights = [:]
    guard case .object(let objectives)? = object["objectives"] ?? object["objective_weights"] else { return }
    for (key, value) in objectives.entries {
      if let weight = value.double { weights[key.string] = weight }
      if case .object(let entry) = value, let weight = entry["weight"]?.double { weights[key.string] = weight }
    }
  }
}

extension [CurriculumPhase] {
  /// The phase at a progress from 0 to 1.
  func phase(at progress: Double) -> CurriculumPhase? { first { progress <= $0.end } ?? last }

  /// An objective's weight at a progress: from the weight of the phase before to that of the phase, in step with the
  /// position inside the phase.
  func weight(of name: String, at progress: Double) -> Double? {
    guard let index = firstIndex(where: { progress <= $0.end }) ?? indices.last else { return nil }
    let target = self[index].weights[name] ?? 0
    guard index > 0 else { return target }
    let before = self[index - 1], length = self[index].end - before.end
    var share = length > 0 ? Swift.min(1, (progress - before.end) / length) : 1
    if self[index].isCosine { share = (1 - cos(.pi * share)) / 2 }
    let start = before.weights[name] ?? 0
    return start + share * (target - start)
  }
}
