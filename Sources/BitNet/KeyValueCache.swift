import Kernels

/// The keys and values of the tokens seen so far, per layer `[kvHeads, capacity, headSize]`.
///
/// It grows by doubling up to the context length, so that a short chat with a long-context model stays small.
final class KeyValueCache {
  private(set) var keys: [CacheMatrix]
  private(set) var values: [CacheMatrix]
  private(set) var capacity: Int
  let contextLength: Int

  init(configuration: ModelConfiguration, contextLength: Int, precision: CachePrecision) {
    self.contextLength = contextLength
    let size = min(contextLength, 64)
    capacity = size
    func empty(_ layout: CacheMatrix.Layout) -> [CacheMatrix] {
      (0..<configuration.layerCount).map { _ in
        CacheMatrix(
          heads: configuration.kvHeads, positions: size, headSize: configuration.headSize, precision: precision.storage,
          layout: layout)

      }
    }
    keys = empty(.keys)
    values = empty(.values)
  }

  /// Makes room for `count` tokens in all and keeps the first `used`.
  func reserve(_ count: Int, keeping used: Int) {
    guard count > capacity else { return }
    let size = min(contextLength, max(count, capacity * 2))
    func grown(_ old: CacheMatrix) -> CacheMatrix {
      let new = CacheMatrix(
        heads: old.heads, positions: size, headSize: old.headSize, precision: old.precision,
        layout: old.layout)
      new.copyPositions(used, of: old)
      return new
    }
    keys = keys.map(grown)
    values = values.map(grown)
    capacity = size
  }
}
