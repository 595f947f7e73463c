import CKernels

/// The form of a model's key-value cache.
package struct CacheShape: Sendable, Equatable {
  /// How the elements are stored.
  package enum Precision: String, Sendable, CaseIterable {
    case f32
    case f16
    /// int8 by absmax, with a scale per position and head.
    case q8

    var identifier: ck_cache_type {
      switch self {
      case .f32: CK_CACHE_F32
      case .f16: CK_CACHE_F16
      case .q8: CK_CACHE_Q8
      }
    }

    /// Bytes of a position of a head.
    func byteCount(headSize: Int) -> Int {
      switch self {
      case .f32: 4 * headSize
      case .f16: 2 * headSize
      case .q8: headSize + 4
      }
    }
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

  private var headBytes: Int { CachePage.positions * precision.byteCount(headSize: headSize) }

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

  /// Writes the key of one head at one position.
  fileprivate func write<Element: BitwiseCopyable>(
    key: UnsafePointer<Element>, scale: Float?, layer: Int, head: Int, position: Int
  ) {
    let start = base + shape.keyOffset(layer: layer, head: head)
    let block = start.assumingMemoryBound(to: Element.self) + position / 16 * 16 * shape.headSize + position % 16
    for i in 0..<shape.headSize { block[16 * i] = key[i] }
    if let scale { scales(behind: start)[position] = scale }
  }

  /// Writes the value of one head at one position.
  fileprivate func write<Element: BitwiseCopyable>(
    value: UnsafePointer<Element>, scale: Float?, layer: Int, head: Int, position: Int
  ) {
    let start = base + shape.valueOffset(layer: layer, head: head)
    (start.assumingMemoryBound(to: Element.self) + position * shape.headSize)
      .update(from: value, count: shape.headSize)
    if let scale { scales(behind: start)[position] = scale }
  }

  private func scales(behind codes: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
    (codes + CachePage.positions * shape.headSize).assumingMemoryBound(to: Float.self)
  }
}

/// The rows of a pass that belong to one sequence, and where its keys and values are.
package struct CacheSpan {
  /// The rows of the pass.
  package let rows: Range<Int>
  /// The position of the first row in its sequence.
  package let start: Int
  /// Whether a token sees only itself and what is before it; otherwise it sees all up to ``end``.
  package let isCausal: Bool
  /// Where what the tokens see ends, if they are not causal. What is stored behind the span comes from earlier passes.
  package let end: Int
  let pages: [CachePage]
  let bases: [UnsafePointer<UInt8>?]

  /// - Parameter end: the end of the span if `nil`.
  /// - Precondition: the pages hold `end` positions.
  package init(rows: Range<Int>, start: Int, pages: [CachePage], isCausal: Bool = true, end: Int? = nil) {
    let end = end ?? start + rows.count
    precondition(start + rows.count <= end, "a span from \(start) that ends at \(end) has \(rows.count) rows")
    precondition(end <= pages.count * CachePage.positions, "\(pages.count) pages are too few")
    self.end = end
    self.rows = rows
    self.start = start
    self.isCausal = isCausal
    self.pages = pages
    bases = pages.map { UnsafePointer($0.base.assumingMemoryBound(to: UInt8.self)) }
  }

  /// How many positions a row of the pass sees.
  func seen(by row: Int) -> Int { isCausal ? start + row - rows.lowerBound + 1 : end }
}

extension Compute {
  /// Stores the keys and values of a pass, `[rows, heads * headSize]` each, in the pages of their sequences.
  package func store(keys: FloatMatrix, values: FloatMatrix, layer: Int, spans: [CacheSpan]) {
    guard let shape = spans.first?.pages.first?.shape else { return }
    let headSize = shape.headSize
    precondition(keys.columns == shape.heads * headSize && values.columns == keys.columns, "keys of another shape")
    for span in spans {
      for (offset, row) in span.rows.enumerated() {
        let page = span.pages[(span.start + offset) / CachePage.positions]
        let position = (span.start + offset) % CachePage.positions
        for head in 0..<shape.heads {
          let key = keys.pointer(row: row) + head * headSize, value = values.pointer(row: row) + head * headSize
          switch shape.precision {
          case .f32:
            page.write(key: UnsafePointer(key), scale: nil, layer: layer, head: head, position: position)
            page.write(value: UnsafePointer(value), scale: nil, layer: layer, head: head, position: position)
          case .f16:
            withRounded(key, headSize) {
              page.write(key: $0, scale: nil, layer: layer, head: head, position: position)
            }
            withRounded(value, headSize) {
              page.write(value: $0, scale: nil, layer: layer, head: head, position: position)
            }
          case .q8:
            withQuantized(key, headSize) {
              page.write(key: $0, scale: $1, layer: layer, head: head, position: position)
            }
            withQuantized(value, headSize) {
              page.write(value: $0, scale: $1, layer: layer, head: head, position: position)
            }
          }
        }
      }
    }
  }

  private func withRounded(_ floats: UnsafePointer<Float>, _ count: Int, _ body: (UnsafePointer<UInt16>) -> Void) {
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: count) { halves in
      guard let base = halves.baseAddress else { return }
      kernels.to_f16(floats, count, base)
      body(base)
    }
  }

  private func withQuantized(
    _ floats: UnsafePointer<Float>, _ count: Int, _ body: (UnsafePointer<Int8>, _ scale: Float) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Int8.self, capacity: count) { codes in
      guard let base = codes.baseAddress else { return }
      var sum: Int32 = 0
      let scale = kernels.quantize(floats, count, base, &sum)
      body(base, scale)
    }
  }
}
