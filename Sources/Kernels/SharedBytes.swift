#if canImport(Glibc)
import Glibc
#endif

/// Read-only bytes together with what keeps them alive: a slice of a mapped file, or of memory of our own.
///
/// This is how file contents travel from `ModelFormats` to the matrix products without being copied: a file is
/// mapped once, and every tensor is a slice that retains the mapping.
public struct SharedBytes: Sendable {
  /// The number of bytes.
  public let count: Int

  // Immutable memory, kept alive by `owner`: safe to share between threads.
  nonisolated(unsafe) package let baseAddress: UnsafeRawPointer
  let owner: any AnyObject & Sendable

  /// Wraps memory that stays valid and unchanged for as long as `owner` lives.
  package init(owner: any AnyObject & Sendable, baseAddress: UnsafeRawPointer, count: Int) {
    self.owner = owner
    self.baseAddress = baseAddress
    self.count = count
  }

  /// Copies `bytes` into memory of its own.
  public init(copying bytes: [UInt8]) {
    let buffer = ByteBuffer(count: bytes.count)
    bytes.withUnsafeBytes { buffer.bytes.copyMemory(from: $0) }
    self.init(buffer)
  }

  /// Copies floats into memory of its own, as F32.
  package init(floats: [Float]) {
    let buffer = ByteBuffer(count: floats.count * MemoryLayout<Float>.size)
    floats.withUnsafeBytes { buffer.bytes.copyMemory(from: $0) }
    self.init(buffer)
  }

  /// Shares a buffer that nobody writes to any more.
  package init(_ buffer: ByteBuffer) {
    self.init(owner: buffer, baseAddress: UnsafeRawPointer(buffer.baseAddress), count: buffer.count)
  }

  /// The bytes in `range`, without copying.
  ///
  /// - Precondition: `range` lies within `0..<count`. Readers of files check this before they slice.
  public subscript(range: Range<Int>) -> SharedBytes {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice \(range) of \(count) bytes")
    return SharedBytes(owner: owner, baseAddress: baseAddress + range.lowerBound, count: range.count)
  }

  /// Calls `body` with the bytes; the pointer must not outlive the call.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: baseAddress, count: count))
  }
}

/// Zeroed memory of our own, aligned to a cache line.
package final class ByteBuffer: @unchecked Sendable {
  package let count: Int
  package let baseAddress: UnsafeMutableRawPointer

  /// - Parameter usesHugePages: asks for 2 MB pages, which large streams of weights read faster through.
  package init(count: Int, usesHugePages: Bool = false) {
    self.count = count
    let pageSize = 1 << 21
    let isLarge = usesHugePages && count >= pageSize
    // One spare vector behind the end, so that kernels may load a whole vector at the tail.
    baseAddress = .allocate(byteCount: count + 64, alignment: isLarge ? pageSize : 64)
    #if canImport(Glibc)
    if isLarge { madvise(baseAddress, count, MADV_HUGEPAGE) }
    #endif
    baseAddress.initializeMemory(as: UInt8.self, repeating: 0, count: count + 64)
  }

  deinit { baseAddress.deallocate() }

  package var bytes: UnsafeMutableRawBufferPointer { .init(start: baseAddress, count: count) }
}
