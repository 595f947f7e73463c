/// Contents for models that exist only to be measured.
extension SharedBytes {
  /// `count` times the float `value`.
  package init(repeating value: Float, count: Int) {
    let buffer = ByteBuffer(count: count * 4)
    buffer.bytes.bindMemory(to: Float.self).update(repeating: value)
    self.init(buffer)
  }

  /// Random trits in the layout of I2_S, `columns` a multiple of 4, each value a third.
  package static func randomTrits(rows: Int, columns: Int, scale: Float, seed: UInt64, pool: ThreadPool) -> SharedBytes
  {
    // Four codes to a byte, none of them 3.
    let bytes = (0..<243).map { value in
      let low = UInt8(value % 3) | UInt8(value / 3 % 3) << 2
      let high = UInt8(value / 9 % 3) << 4 | UInt8(value / 27 % 3) << 6
      return low | high
    }
    let rowBytes = columns / 4
    let buffer = ByteBuffer(count: rows * rowBytes + 32, usesHugePages: true)
    fill(buffer, count: rows * rowBytes, chunk: rowBytes, seed: seed, pool: pool) { random, target, count in
      for i in 0..<count { target[i] = bytes[Int(truncatingIfNeeded: random.next() >> 33) % 243] }
    }
    buffer.baseAddress.storeBytes(of: scale, toByteOffset: rows * rowBytes, as: Float.self)
    return SharedBytes(buffer)
  }

  /// Random IEEE halves of magnitudes from 2^-7 to 2^-4, as embeddings have.
  package static func randomHalves(count: Int, pool: ThreadPool) -> SharedBytes {
    let buffer = ByteBuffer(count: count * 2, usesHugePages: true)
    fill(buffer, count: count * 2, chunk: 1 << 16, seed: 1, pool: pool) { random, target, count in
      for i in 0..<count / 2 {
        let bits = UInt16(truncatingIfNeeded: random.next() >> 40)
        let half = bits & 0x8FFF | 0x2000
        target[2 * i] = UInt8(truncatingIfNeeded: half)
        target[2 * i + 1] = UInt8(truncatingIfNeeded: half >> 8)
      }
    }
    return SharedBytes(buffer)
  }

  private static func fill(
    _ buffer: ByteBuffer, count: Int, chunk: Int, seed: UInt64, pool: ThreadPool,
    _ body: (inout SplitMix64, UnsafeMutablePointer<UInt8>, Int) -> Void
  ) {
    let base = buffer.baseAddress.assumingMemoryBound(to: UInt8.self)
    let chunks = (count + chunk - 1) / chunk
    pool.forEach(count: chunks, grain: pool.grain(for: chunks)) { range in
      for index in range {
        var random = SplitMix64(seed: seed &* 0x1_0000_0001 &+ UInt64(index))
        body(&random, base + index * chunk, min(chunk, count - index * chunk))
      }
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same everywhere.
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  /// 64 random bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  /// A number in `0..<1`.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
