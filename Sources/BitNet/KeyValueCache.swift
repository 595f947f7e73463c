import Kernels

/// The keys and values of the tokens seen so far, per layer `[capacity, kvHeads * headSize]`.
///
/// It grows by doubling up to the context length, so that a short chat with a long-context model stays small.
final class KeyValueCache {
  private(set) var keys: [FloatMatrix]
  private(set) var values: [FloatMatrix]
  private(set) var capacity: Int
  let contextLength: Int

  init(configuration: ModelConfiguration, contextLength: Int) {
    self.contextLength = contextLength
    let size = min(contextLength, 256)
    capacity = size
    let columns = configuration.kvHeads * configuration.headSize
    keys = (0..<configuration.layerCount).map { _ in FloatMatrix(rows: size, columns: columns) }
    values = (0..<configuration.layerCount).map { _ in FloatMatrix(rows: size, columns: columns) }
  }

  /// Makes room for `count` tokens in all and keeps the first `used`.
  func reserve(_ count: Int, keeping used: Int) {
    guard count > capacity else { return }
    let size = min(contextLength, max(count, capacity * 2))
    func grown(_ old: FloatMatrix) -> FloatMatrix {
      let new = FloatMatrix(rows: size, columns: old.columns)
      for row in 0..<used { new.copyRow(row, of: old, to: row) }
      return new
    }
    keys = keys.map(grown)
    values = values.map(grown)
    capacity = size
  }
}
