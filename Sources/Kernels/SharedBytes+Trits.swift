extension SharedBytes {
  /// Whether any of the four codes in any of the first `count` bytes is 3, which stands for no ternary value.
  ///
  /// - Complexity: one pass over the bytes, at the speed of memory: cheap beside loading them at all.
  /// - Precondition: there are `count` bytes.
  package func holdsInvalidTrits(inFirst count: Int) -> Bool {
    precondition(count >= 0 && count <= self.count, "\(count) of \(self.count) bytes")
    let words = count / 8
    var found: UInt64 = 0
    for word in 0..<words {
      let codes = baseAddress.loadUnaligned(fromByteOffset: 8 * word, as: UInt64.self)
      found |= codes & (codes >> 1)
    }
    for index in 8 * words..<count {
      let codes = UInt64(self[index])
      found |= codes & (codes >> 1)
    }
    return found & 0x5555_5555_5555_5555 != 0
  }
}

extension SharedBytes {
  /// Whether any of these halves is infinite or not a number.
  package func holdsNonFiniteHalves() -> Bool {
    (0..<count / 2).contains { index in
      baseAddress.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self).littleEndian & 0x7C00 == 0x7C00
    }
  }
}
