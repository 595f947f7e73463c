import Kernels

/// How precisely the keys and values of earlier tokens are kept.
public enum CachePrecision: String, Sendable, CaseIterable, Codable {
  /// 32-bit floats: nothing is rounded.
  case f32
  /// IEEE halves: half the memory, and half of what a long context costs per token.
  case f16
  /// int8 with a scale per token and head: a quarter of the memory. The only one that visibly rounds: relative errors of
  /// about 1 % in single products.
  case q8

  var storage: CacheShape.Precision {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .q8: .q8
    }
  }
}
