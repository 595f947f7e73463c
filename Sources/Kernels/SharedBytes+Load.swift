extension SharedBytes {
  /// The byte at `offset`.
  ///
  /// - Precondition: `offset` lies within `0..<count`.
  public subscript(offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < count, "byte \(offset) of \(count)")
    return baseAddress.load(fromByteOffset: offset, as: UInt8.self)
  }

  /// The little-endian integer at `offset`, which need not be aligned.
  ///
  /// - Precondition: it lies within the bytes.
  package func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Integer.Type = Integer.self
  ) -> Integer {
    precondition(
      offset >= 0 && count >= MemoryLayout<Integer>.size && offset <= count - MemoryLayout<Integer>.size,
      "\(Integer.self) at \(offset) of \(count)")
    return Integer(littleEndian: baseAddress.loadUnaligned(fromByteOffset: offset, as: type))
  }

  /// The float at `offset`, which need not be aligned.
  ///
  /// - Precondition: it lies within the bytes.
  package func float(at offset: Int) -> Float { Float(bitPattern: integer(at: offset)) }

  /// Whether `other` holds the same bytes.
  package func equals(_ other: SharedBytes) -> Bool {
    count == other.count
      && UnsafeRawBufferPointer(start: baseAddress, count: count)
        .elementsEqual(UnsafeRawBufferPointer(start: other.baseAddress, count: count))
  }

  /// A copy of the bytes in `range`.
  ///
  /// - Precondition: `range` lies within `0..<count`.
  package func array(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice \(range) of \(count) bytes")
    return Array(UnsafeRawBufferPointer(start: baseAddress + range.lowerBound, count: range.count))
  }
}
