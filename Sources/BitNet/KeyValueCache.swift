import Kernels

/// The keys and values of the tokens seen so far, per layer `[capacity, kvHeads * headSize]`.
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
    let columns = configuration.kvHeads * configuration.headSize
    func empty() -> [CacheMatrix] {
      (0..<configuration.layerCount).map { _ in CacheMatrix(rows: size, columns: columns, precision: precision.storage)
      }
    }
    keys = empty()
    values = empty()
  }

  /// Makes room for `count` tokens in all and keeps the first `used`.
  func reserve(_ count: Int, keeping used: Int) {
    guard count > capacity else { return }
    let size = min(contextLength, max(count, capacity * 2))
    func grown(_ old: CacheMatrix) -> CacheMatrix {
      let new = CacheMatrix(rows: size, columns: old.columns, precision: old.precision)
      new.copyRows(used, of: old)
      return new
    }
    keys = keys.map(grown)
    values = values.map(grown)
    capacity = size
  }
}
