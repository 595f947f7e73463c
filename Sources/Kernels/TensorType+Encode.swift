/// The encoders, each bit for bit the one of gguf-py (`gguf/quants.py` of llama.cpp), which is ggml's reference.
extension TensorType {
  /// The types that floats can be encoded in. I2_S is written from trits only: its scale is the whole tensor's.
  package static let encodable: Set<TensorType> = [.f32, .f16, .bf16, .q8_0, .q4_0, .tq1_0, .tq2_0]

  /// Encodes one row.
  ///
  /// - Parameters:
  ///   - values: whole blocks of the type.
  ///   - output: room for them.
  /// - Precondition: the type is one of ``encodable``.
  package func encode(_ values: UnsafeBufferPointer<Float>, into output: UnsafeMutablePointer<UInt8>) {
    precondition(values.count.isMultiple(of: blockElements), "\(values.count) elements as \(rawValue)")
    guard let base = values.baseAddress else { return }
    for block in 0..<values.count / blockElements {
      let source = base + block * blockElements
      let target = output + block * blockBytes
      switch self {
      case .f32: store(source.pointee.bitPattern, target)
      case .f16: store(halfBits(source.pointee), target)
      case .bf16: store(brainBits(source.pointee), target)
      case .q8_0: encodeQ8(source, target)
      case .q4_0: encodeQ4(source, target)
      case .tq1_0: encodeTQ1(source, target)
      case .tq2_0: encodeTQ2(source, target)
      default: preconditionFailure("\(rawValue) is not encoded here")
      }
    }
  }
}

private func store(_ bits: some FixedWidthInteger, _ target: UnsafeMutablePointer<UInt8>) {
  UnsafeMutableRawPointer(target).storeBytes(of: bits.littleEndian, as: type(of: bits))
}

/// The nearest IEEE half, ties to even; magnitudes from 65,520 on become infinite, subnormal halves are kept.
package func halfBits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
  let magnitude = bits & 0x7FFF_FFFF
  if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(truncatingIfNeeded: magnitude >> 13) & 0x1FF }
  if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
  if magnitude < 0x3880_0000 {
    // Below 2^-14 halves are multiples of 2^-24, and this sum rounds to them: ulp(0.5) is 2^-24.
    let rounded = (Float(bitPattern: magnitude) + 0.5).bitPattern &- Float(0.5).bitPattern
    return sign | UInt16(truncatingIfNeeded: rounded)
  }
  // A carry out of the mantissa raises the exponent, as it should, up to infinity.
  let rounded = magnitude &+ 0xFFF &+ ((magnitude >> 13) & 1)
  return sign | UInt16(truncatingIfNeeded: (rounded &- 0x3800_0000) >> 13)
}

/// The value that ``halfBits(_:)`` keeps.
package func roundedToHalf(_ value: Float) -> Float {
  let bits = [UInt8(truncatingIfNeeded: halfBits(value)), UInt8(truncatingIfNeeded: halfBits(value) >> 8)]
  return TensorType.f16.dequantized(SharedBytes(copying: bits), rows: 0..<1, columns: 1)[0]
}

/// The upper half of a single, rounded to nearest, ties to even; what is not a number stays so.
private func brainBits(_ value: Float) -> UInt16 {
  let bits = value.bitPattern
  if bits & 0x7FFF_FFFF > 0x7F80_0000 { return UInt16(truncatingIfNeeded: bits >> 16) | 64 }
  return UInt16(truncatingIfNeeded: (UInt64(bits) + 0x7FFF + UInt64((bits >> 16) & 1)) >> 16)
}

private func largestMagnitude(_ source: UnsafePointer<Float>, _ count: Int) -> Float {
  var largest: Float = 0
  for i in 0..<count { largest = max(largest, abs(source[i])) }
  return largest
}

private func encodeQ8(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<UInt8>) {
  let scale = largestMagnitude(source, 32) / 127
  let inverse: Float = scale == 0 ? 0 : 1 / scale
  store(halfBits(scale), target)
  for i in 0..<32 { target[2 + i] = UInt8(bitPattern: Int8(clamping: awayFromZero(source[i] * inverse))) }
}

private func encodeQ4(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<UInt8>) {
  // The first element of the largest magnitude, with its sign, is what becomes -8.
  var extreme = source[0]
  for i in 1..<32 where abs(source[i]) > abs(extreme) { extreme = source[i] }
  let scale = extreme / -8
  let inverse: Float = scale == 0 ? 0 : 1 / scale
  store(halfBits(scale), target)
  func nibble(_ value: Float) -> UInt8 {
    let number = Float(Double(value) * Double(inverse) + 8.5)
    return number.isFinite ? UInt8(min(15, max(0, number))) : 0
  }
  for i in 0..<16 { target[2 + i] = nibble(source[i]) | nibble(source[i + 16]) << 4 }
}

/// Half away from zero, and 0 for what is not a number.
private func awayFromZero(_ value: Float) -> Int32 {
  guard abs(value) < 1e6 else { return value > 0 ? 1_000_000 : value < 0 ? -1_000_000 : 0 }
  let magnitude = abs(value)
  let whole = magnitude.rounded(.down)
  let rounded = Int32(whole) + (magnitude - whole >= 0.5 ? 1 : 0)
  return value < 0 ? -rounded : rounded
}

/// Writes the digits 0, 1, 2 (= round(x / max|x|) + 1) of 256 elements and returns the bits of the scale.
private func ternaryDigits(_ source: UnsafePointer<Float>, _ digits: UnsafeMutablePointer<UInt8>) -> UInt16 {
  let scale = largestMagnitude(source, 256)
  let inverse: Float = scale == 0 ? 0 : 1 / scale
  for i in 0..<256 {
    let quotient = source[i] * inverse
    digits[i] = quotient >= 0.5 ? 2 : quotient <= -0.5 ? 0 : 1
  }
  return halfBits(scale)
}

private func encodeTQ1(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<UInt8>) {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
    guard let digits = buffer.baseAddress else { return }
    let scale = ternaryDigits(source, digits)
    // Base 3, the first digit the most significant; multiplied up so that decoding needs no division.
    func pack(_ first: Int, stride: Int, count: Int) -> UInt8 {
      var number = 0
      for n in 0..<5 { number = number * 3 + (n < count ? Int(digits[first + n * stride]) : 0) }
      return UInt8((number * 256 + 242) / 243)
    }
    for i in 0..<32 { target[i] = pack(i, stride: 32, count: 5) }
    for i in 0..<16 { target[32 + i] = pack(160 + i, stride: 16, count: 5) }
    for i in 0..<4 { target[48 + i] = pack(240 + i, stride: 4, count: 4) }
    store(scale, target + 52)
  }
}

private func encodeTQ2(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<UInt8>) {
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
    guard let digits = buffer.baseAddress else { return }
    let scale = ternaryDigits(source, digits)
    for half in 0..<2 {
      for i in 0..<32 {
        let first = half * 128 + i
        target[half * 32 + i] =
          digits[first] | digits[first + 32] << 2 | digits[first + 64] << 4 | digits[first + 96] << 6
      }
    }
    store(scale, target + 64)
  }
}
