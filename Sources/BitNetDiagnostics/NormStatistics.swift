import BitNet
import ModelFormats

/// What the gains of one norm look like.
public struct NormStatistics: Sendable, Codable {
  /// The canonical name, such as `blk.0.attn_norm.weight`.
  public var name: String
  /// The smallest gain.
  public var minimum: Float
  /// The largest gain.
  public var maximum: Float
  /// The mean of the gains.
  public var mean: Double
  /// Values that are infinite or not a number.
  public var nonFinite: Int

  /// Whether every gain is exactly 1, as initialization leaves it.
  public var isUntouched: Bool { minimum == 1 && maximum == 1 && nonFinite == 0 }
  /// Whether it is a sub-norm, before the attention's or the feed-forward network's last matrix.
  public var isSubNorm: Bool { name.hasSuffix("sub_norm.weight") }
}

extension Checkpoint {
  /// The norms in the order of the graph.
  func normStatistics() throws -> [NormStatistics] {
    let names = tensors.keys.filter { $0.hasSuffix("norm.weight") }
    func key(_ name: String) -> (Int, String) {
      let parts = name.split(separator: ".")
      return (parts.count > 1 && parts[0] == "blk" ? Int(parts[1]) ?? 0 : .max, name)
    }
    return try names.sorted { key($0) < key($1) }.compactMap { name in
      guard let tensor = tensors[name], tensor.type.isFloatingPoint, tensor.elementCount > 0 else { return nil }
      let values = try tensor.floats()
      let finite = values.filter(\.isFinite)
      return NormStatistics(
        name: name, minimum: finite.min() ?? 0, maximum: finite.max() ?? 0,
        mean: finite.reduce(0) { $0 + Double($1) } / Double(max(1, finite.count)),
        nonFinite: values.count - finite.count)
    }
  }
}
