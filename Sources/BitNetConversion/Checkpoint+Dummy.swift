public import BitNet

extension Checkpoint {
  /// A model of random weights that behaves more like a trained one than ``Checkpoint/init(synthetic:threads:)``: every
  /// block adds a fraction of what the token embedding is worth, and attention is spread. With all scales 1 a rounding
  /// difference in one block would grow until two right runtimes generate different tokens.
  ///
  /// - Throws: as ``Checkpoint/init(synthetic:threads:)``.
  public init(dummy shape: SyntheticShape, threads: Int? = nil) throws {
    try self.init(synthetic: shape, threads: threads) { role in
      switch role {
      case .query, .key, .value, .gate, .up: 0.024
      case .output: 0.001
      case .down: 0.000_6
      }
    }
  }
}
