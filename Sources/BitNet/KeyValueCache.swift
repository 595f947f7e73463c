import Kernels

/// The keys and values of one sequence's tokens, in pages that sequences with the same beginning share.
final class KeyValueCache {
  let shape: CacheShape
  private(set) var pages: [CachePage] = []

  init(shape: CacheShape) { self.shape = shape }

  /// Takes over pages that hold the beginning of the sequence; they are copied before they are written to.
  func adopt(_ pages: [CachePage]) { self.pages = pages }

  /// Makes the positions `start..<end` writable; those before keep their contents.
  func prepare(_ start: Int, to end: Int) {
    let size = CachePage.positions
    for index in start / size..<(end + size - 1) / size {
      if index == pages.count {
        pages.append(CachePage(shape: shape))
      } else if !isKnownUniquelyReferenced(&pages[index]) {
        pages[index] = index * size < start ? CachePage(copying: pages[index]) : CachePage(shape: shape)
      }
    }
  }
}

extension ModelConfiguration {
  func cacheShape(precision: CachePrecision) -> CacheShape {
    CacheShape(layers: layerCount, heads: kvHeads, headSize: headSize, precision: precision.storage)
  }
}
