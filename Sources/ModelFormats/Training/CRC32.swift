/// A 32-bit cyclic redundancy check with reflected bits, as files of records use it.
package struct CRC32: Sendable {
  private let table: [UInt32]

  /// CRC-32C (Castagnoli), of TFRecord files.
  package static let castagnoli = CRC32(polynomial: 0x82F6_3B78)
  /// CRC-32 (IEEE 802.3), of zip archives and W&B's files.
  package static let ieee = CRC32(polynomial: 0xEDB8_8320)

  private init(polynomial: UInt32) {
    table = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ polynomial }
    }
  }

  package func callAsFunction(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
  }
}
