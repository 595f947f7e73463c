import CKernels

/// The keys or values of one layer, head by head: what one head reads lies in one stream of memory.
package final class CacheMatrix {
  /// How the positions of a head lie.
  package enum Layout: Sendable {
    /// `[positions / 16, headSize, 16]`: 16 positions side by side, a vector of scores each.
    case keys
    /// `[positions, headSize]`.
    case values
  }

  /// How the elements are stored.
  package enum Precision: String, Sendable, CaseIterable {
    case f32
    case f16
  }

  /// The number of key-value heads.
  package let heads: Int
  /// The number of positions that fit.
  package let positions: Int
  /// The width of a head.
  package let headSize: Int
  /// How the elements are stored.
  package let precision: Precision
  /// How the positions of a head lie.
  package let layout: Layout
  private let storage: ByteBuffer

  /// A cache of zeros.
  ///
  /// - Parameter positions: is rounded up to a multiple of 16.
  package init(heads: Int, positions: Int, headSize: Int, precision: Precision, layout: Layout) {
    let positions = (positions + 15) / 16 * 16
    self.heads = heads
    self.positions = positions
    self.layout = layout
    self.headSize = headSize
    self.precision = precision
    storage = ByteBuffer(
      count: heads * positions * headSize * (precision == .f16 ? 2 : 4), usesHugePages: true)
  }

  /// Copies the first `count` positions of another cache of the same heads and precision.
  package func copyPositions(_ count: Int, of other: CacheMatrix) {
    precondition(other.heads == heads && other.headSize == headSize)
    precondition(other.precision == precision && other.layout == layout)
    precondition(count <= positions && count <= other.positions, "\(count) of \(other.positions) positions")
    // Whole blocks of 16, in either layout.
    let bytes = (count + 15) / 16 * 16 * rowBytes
    for head in 0..<heads { pointer(head: head).copyMemory(from: other.pointer(head: head), byteCount: bytes) }
  }

  /// The bytes of one head, for comparisons.
  package func bytes(head: Int) -> [UInt8] {
    precondition(head >= 0 && head < heads, "head \(head) of \(heads)")
    return Array(UnsafeRawBufferPointer(start: pointer(head: head), count: positions * rowBytes))
  }

  private var rowBytes: Int { headSize * (precision == .f16 ? 2 : 4) }

  func pointer(head: Int) -> UnsafeMutableRawPointer { storage.baseAddress + head * positions * rowBytes }

  /// Writes one position of one head.
  fileprivate func write<Element: BitwiseCopyable>(
    _ source: UnsafePointer<Element>, head: Int, position: Int
  ) {
    let target = pointer(head: head).assumingMemoryBound(to: Element.self)
    switch layout {
    case .values: (target + position * headSize).update(from: source, count: headSize)
    case .keys:
      let block = target + position / 16 * 16 * headSize + position % 16
      for i in 0..<headSize { block[16 * i] = source[i] }
    }
  }
}

extension Compute {
  /// Stores the first `rows` rows of floats, `[rows, heads * headSize]`, in the cache from the position `start` on.
  package func store(_ matrix: FloatMatrix, rows: Int, in cache: CacheMatrix, at start: Int) {
    precondition(matrix.columns == cache.heads * cache.headSize && rows <= matrix.rows, "keys of another shape")
    precondition(start + rows <= cache.positions, "the cache has \(cache.positions) positions")
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: cache.headSize) { halves in
      guard let rounded = halves.baseAddress else { return }
      for row in 0..<rows {
        for head in 0..<cache.heads {
          let source = matrix.pointer(row: row) + head * cache.headSize
          switch cache.precision {
          case .f16:
            kernels.to_f16(source, cache.headSize, rounded)
            cache.write(UnsafePointer(rounded), head: head, position: start + row)
          case .f32: cache.write(UnsafePointer(source), head: head, position: start + row)
          }
        }
      }
    }
  }
}
