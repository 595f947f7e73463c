import CKernels

/// The form of a model's key-value cache.
package struct CacheShape: Sendable, Equatable {
  /// How the elements are stored.
  package enum Precision: String, Sendable, CaseIterable {
    case f32
    case f16
  }

  /// The number of layers.
  package var layers: Int
  /// The number of key-value heads.
  package var heads: Int
  /// The width of a head.
  package var headSize: Int
  /// How the elements are stored.
  package var precision: Precision

  package init(layers: Int, heads: Int, headSize: Int, precision: Precision) {
    self.layers = layers
    self.heads = heads
    self.headSize = headSize
    self.precision = precision
  }

  /// The bytes of one page.
  package var pageBytes: Int { 2 * layers * heads * headBytes }

  private var headBytes: Int { CachePage.positions * headSize * (precision == .f16 ? 2 : 4) }

  func keyOffset(layer: Int, head: Int) -> Int { (2 * layer * heads + head) * headBytes }

  func valueOffset(layer: Int, head: Int) -> Int { ((2 * layer + 1) * heads + head) * headBytes }
}

/// The keys and values of ``positions`` consecutive tokens in all layers, `[layers, 2, heads, ...]`.
///
/// Keys of a head: `[positions / 16, headSize, 16]`, so that a vector of scores belongs to 16 positions side by side; values:
/// `[positions, headSize]`. Pages that hold the beginnings of several sequences are shared by them: whoever writes to a page
/// must be the only one who refers to it.
package final class CachePage: @unchecked Sendable {
  /// The positions that a page holds.
  package static let positions = Int(CK_PAGE)

  /// The form of the cache that the page belongs to.
  package let shape: CacheShape
  private let storage: ByteBuffer

  /// A page of zeros.
  package init(shape: CacheShape) {
    self.shape = shape
    storage = ByteBuffer(count: shape.pageBytes, usesHugePages: true)
  }

  /// A copy to write to.
  package convenience init(copying other: CachePage) {
    self.init(shape: other.shape)
    storage.baseAddress.copyMemory(from: other.storage.baseAddress, byteCount: shape.pageBytes)
  }

  /// All of the page, for comparisons.
  package var bytes: [UInt8] { Array(storage.bytes.prefix(shape.pageBytes)) }

  var base: UnsafeMutableRawPointer { storage.baseAddress }

  /// Writes the key and the value of one head at one position, in the precision of the page.
  fileprivate func write<Element: BitwiseCopyable>(
    key: UnsafePointer<Element>, value: UnsafePointer<Element>, layer: Int, head: Int, position: Int
  ) {
    let headSize = shape.headSize
    let keys = (base + shape.keyOffset(layer: layer, head: head)).assumingMemoryBound(to: Element.self)
    let block = keys + position / 16 * 16 * headSize + position % 16
    for i in 0..<headSize { block[16 * i] = key[i] }
    let values = (base + shape.valueOffset(layer: layer, head: head)).assumingMemoryBound(to: Element.self)
    (values + position * headSize).update(from: value, count: headSize)
  }
}

/// The rows of a pass that belong to one sequence, and where its keys and values are.
package struct CacheSpan {
  /// The rows of the pass.
  package let rows: Range<Int>
  /// The position of the first row in its sequence.
  package let start: Int
  /// Whether a token sees those after it in the span. Every token sees all before the span.
  package let isCausal: Bool
  let pages: [CachePage]
  let bases: [UnsafePointer<UInt8>?]

  /// - Precondition: the pages hold `start + rows.count` positions.
  package init(rows: Range<Int>, start: Int, pages: [CachePage], isCausal: Bool = true) {
    precondition(start + rows.count <= pages.count * CachePage.positions, "\(pages.count) pages are too few")
    self.rows = rows
    self.start = start
    self.isCausal = isCausal
    self.pages = pages
    bases = pages.map { UnsafePointer($0.base.assumingMemoryBound(to: UInt8.self)) }
  }

  /// How many positions a row of the pass sees.
  func seen(by row: Int) -> Int { start + (isCausal ? row - rows.lowerBound + 1 : rows.count) }
}

extension Compute {
  /// Stores the keys and values of a pass, `[rows, heads * headSize]` each, in the pages of their sequences.
  package func store(keys: FloatMatrix, values: FloatMatrix, layer: Int, spans: [CacheSpan]) {
    guard let shape = spans.first?.pages.first?.shape else { return }
    let headSize = shape.headSize
    precondition(keys.columns == shape.heads * headSize && values.columns == keys.columns, "keys of another shape")
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 2 * headSize) { halves in
      guard let rounded = halves.baseAddress else { return }
      for span in spans {
        for (offset, row) in span.rows.enumerated() {
          let page = span.pages[(span.start + offset) / CachePage.positions]
          let position = (span.start + offset) % CachePage.positions
          for head in 0..<shape.heads {
            let key = keys.pointer(row: row) + head * headSize, value = values.pointer(row: row) + head * headSize
            switch shape.precision {
            case .f16:
              kernels.to_f16(key, headSize, rounded)
              kernels.to_f16(value, headSize, rounded + headSize)
              page.write(
                key: UnsafePointer(rounded), value: UnsafePointer(rounded + headSize), layer: layer, head: head,
                position: position)
            case .f32:
              page.write(
                key: UnsafePointer(key), value: UnsafePointer(value), layer: layer, head: head, position: position)
            }
          }
        }
      }
    }
  }
}
