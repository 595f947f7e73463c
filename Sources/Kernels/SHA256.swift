import CKernels

/// SHA-256 (FIPS 180-4) of bytes that come piece by piece: what Hugging Face and `sha256sum` tell of a file.
package struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var tail: [UInt8] = []
  private var count: UInt64 = 0
  private let blocks: @convention(c) (UnsafeMutablePointer<UInt32>?, UnsafePointer<UInt8>?, Int) -> Void

  /// - Parameter isPortable: leaves the processor's instructions for it unused.
  package init(isPortable: Bool = false) { blocks = isPortable ? ck_sha256_portable : ck_sha256 }

  /// Takes the next bytes.
  package mutating func update(_ bytes: SharedBytes) {
    bytes.withUnsafeBytes { update($0) }
  }

  private mutating func update(_ bytes: UnsafeRawBufferPointer) {
    count += UInt64(bytes.count)
    var rest = bytes[...]
    if !tail.isEmpty {
      let missing = rest.prefix(64 - tail.count)
      tail += missing
      rest = rest.dropFirst(missing.count)
      guard tail.count == 64 else { return }
      tail.withUnsafeBytes { compress($0) }
      tail = []
    }
    let whole = rest.count / 64 * 64
    compress(UnsafeRawBufferPointer(rebasing: rest.prefix(whole)))
    tail += rest.dropFirst(whole)
  }

  private mutating func compress(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let blocks = blocks
    state.withUnsafeMutableBufferPointer { blocks($0.baseAddress, base, bytes.count / 64) }
  }

  /// The digest of all bytes so far, as 64 hexadecimal digits.
  package consuming func hexadecimal() -> String {
    let bits = count * 8
    let zeros = (119 - Int(count % 64)) % 64
    let padding: [UInt8] = [0x80] + Array(repeating: 0, count: zeros)
    update(SharedBytes(copying: padding + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * UInt64($0))) }))
    let digits = Array("0123456789abcdef")
    return String(state.flatMap { word in (0..<8).map { digits[Int(word >> (28 - 4 * UInt32($0)) & 15)] } })
  }
}
