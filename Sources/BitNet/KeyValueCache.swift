package import Kernels

/// The keys and values of one sequence's tokens, in pages that sequences with the same beginning share.
package final class KeyValueCache {
  private let shape: CacheShape
  /// The pages, in order.
  package private(set) var pages: [CachePage] = []

  /// An empty cache for a sequence on `model`.
  package convenience init(model: Model) {
    self.init(shape: model.configuration.cacheShape(precision: model.cachePrecision))
  }

  init(shape: CacheShape) { self.shape = shape }

  /// A cache with pages of its own.
  package init(copying other: KeyValueCache) {
    shape = other.shape
    pages = other.pages.map(CachePage.init(copying:))
  }

  /// Takes over pages that hold the beginning of the sequence; they are copied before they are written to.
  package func adopt(_ pages: [CachePage]) { self.pages = pages }

  /// Adds a page behind the others, before it is needed.
  package func addPage() { pages.append(CachePage(shape: shape)) }

  /// Makes the positions `start..<end` writable; those before, and those behind up to `kept`, keep their contents.
  func prepare(_ start: Int, to end: Int, keeping kept: Int? = nil) {
    let size = CachePage.positions
    for index in start / size..<(end + size - 1) / size {
      if index == pages.count {
        pages.append(CachePage(shape: shape))
      } else if !isKnownUniquelyReferenced(&pages[index]) {
        let isKept = index * size < start || kept.map { $0 > end } ?? false
        pages[index] = isKept ? CachePage(copying: pages[index]) : CachePage(shape: shape)
      }
    }
  }
}

extension ModelConfiguration {
  func cacheShape(precision: CachePrecision) -> CacheShape {
    CacheShape(layers: layerCount, heads: kvHeads, headSize: headSize, precision: precision.storage)
  }
}
