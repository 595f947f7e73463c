package import Kernels

extension Checkpoint {
  /// A linear layer as it is stored, with the factor of a `.scale` tensor applied (older conversions keep it apart from
  /// trits).
  ///
  /// - Throws: as ``matrix(_:shape:compute:)``; ``ModelError/invalidTensor(file:tensor:problem:remedy:)`` for a factor
  ///   that cannot be right.
  package func linear(_ layer: Int, _ role: LinearRole, compute: Compute) throws -> StoredMatrix {
    let name = "blk.\(layer).\(role.rawValue)"
    let matrix = try matrix(name + ".weight", shape: role.shape(in: configuration), compute: compute)
    guard let factor = try optionalVector(name + ".scale", count: 1)?.values[0], factor != 1 else { return matrix }
    guard factor.isFinite, factor != 0 else {
      throw ModelError.invalidTensor(
        file: path, tensor: name + ".scale", problem: "is \(factor)",
        remedy: "The file is damaged: convert or fetch it again.")
    }
    switch matrix {
    case .ternary(let trits): return .ternary(trits.scaled(by: factor))
    case .encoded(let numbers):
      let ternarization = compute.ternarize(numbers)
      guard ternarization.isFinite, ternarization.wasTernary else {
        throw ModelError.invalidTensor(
          file: path, tensor: name + ".scale", problem: "scales a weight that is not ternary",
          remedy: "The scale may be applied twice: convert again.")
      }
      return .ternary(ternarization.matrix.scaled(by: factor))
    }
  }

  /// The frequency of every rotated pair of a head, `[rotatedSize / 2]`, whichever way the files say it.
  ///
  /// - Throws: ``ModelError/invalidTensor(file:tensor:problem:remedy:)`` for factors that are not above zero.
  package func rotaryFrequencies() throws -> [Double] {
    let factors = try optionalVector("rope_freqs.weight", count: configuration.rotatedSize / 2)?.values
    if let factors, let wrong = factors.first(where: { !($0 > 0 && $0.isFinite) }) {
      throw ModelError.invalidTensor(
        file: path, tensor: "rope_freqs.weight", problem: "holds the factor \(wrong)",
        remedy: "The file is damaged: convert or fetch it again.")
    }
    return configuration.ropeScaling.frequencies(
      theta: configuration.ropeTheta, rotatedSize: configuration.rotatedSize, factors: factors)
  }
}
