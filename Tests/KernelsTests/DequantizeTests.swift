import CKernels
import Kernels
import TestSupport
import Testing

/// Golden values: Tests/Golden/make_dequantize_golden.py (gguf-py 0.19.0; numpy for I2_S).
struct DequantizeTests {
  static let goldenTypes: [TensorType] = [
    .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K, .tq1_0, .tq2_0, .f16, .bf16, .i2_s,
  ]

  static func decode(_ type: TensorType, _ bytes: [UInt8], rows: Range<Int>, columns: Int) -> [Float] {
    type.dequantized(SharedBytes(copying: bytes), rows: rows, columns: columns)
  }

  /// The first element whose bits differ: a whole tensor is no message.
  static func firstDifference(_ decoded: [Float], _ expected: ArraySlice<UInt32>) -> Int? {
    guard decoded.count == expected.count else { return min(decoded.count, expected.count) }
    return zip(decoded, expected).enumerated().first { $1.0.bitPattern != $1.1 }?.offset
  }

  @Test(arguments: goldenTypes)
  func `decoding equals gguf-py bit for bit`(type: TensorType) throws {
    let blocks = try TestFiles.goldenBytes("dequantize/\(type.rawValue).blocks")
    let expected = try TestFiles.goldenWords("dequantize/\(type.rawValue).f32")
    let decoded = DequantizeTests.decode(type, blocks, rows: 0..<1, columns: expected.count)
    #expect(DequantizeTests.firstDifference(decoded, expected[...]) == nil)
  }

  @Test(arguments: goldenTypes)
  func `any rows decode to what they are in the whole`(type: TensorType) throws {
    let blocks = try TestFiles.goldenBytes("dequantize/\(type.rawValue).blocks")
    let expected = try TestFiles.goldenWords("dequantize/\(type.rawValue).f32")
    // Rows of I2_S that begin in the middle of a block, or even of a byte's four elements.
    let columns = type == .i2_s ? 24 : type.blockElements * 2
    let rows = expected.count / columns
    for first in 0..<rows {
      for last in [first + 1, min(first + 7, rows)] where last <= rows {
        let decoded = DequantizeTests.decode(type, blocks, rows: first..<last, columns: columns)
        #expect(DequantizeTests.firstDifference(decoded, expected[(first * columns)..<(last * columns)]) == nil)
      }
    }
  }

  @Test func `every half converts as the compiler's own type does`() {
    for bits in UInt16.min...UInt16.max {
      let expected = Float(Float16(bitPattern: bits))
      let converted = ck_f16_to_f32(bits)
      #expect(expected.isNaN ? converted.isNaN : converted.bitPattern == expected.bitPattern, "half \(bits)")
    }
  }

  /// Examples worked out by hand in the format description: type, the block's bytes by position, elements by index.
  @Test func `hand-made blocks decode to their elements`() {
    var q4K = [UInt8](repeating: 0, count: 144)
    q4K.replaceSubrange(0..<16, with: [0x00, 0x38, 0x00, 0x34, 3, 0x80, 0, 0, 2, 0xC0, 0, 0, 0, 0x25, 0, 0])
    q4K[16] = 7
    q4K[16 + 65] = 9 << 4
    let k4 = DequantizeTests.decode(.q4_K, q4K, rows: 0..<1, columns: 256)
    #expect([k4[0], k4[1], k4[160], k4[161]] == [10, -0.5, -12.5, 154])

    var q6K = [UInt8](repeating: 0, count: 210)
    q6K[64 + 37] = 0xA0
    q6K[128 + 37] = 0x80
    q6K[192 + 14] = UInt8(bitPattern: -4)
    q6K[209] = 0x38
    #expect(DequantizeTests.decode(.q6_K, q6K, rows: 0..<1, columns: 256)[229] == -20)

    var ternary = [Float](repeating: 0, count: 256)
    (ternary[0], ternary[32], ternary[64], ternary[96]) = (1, -1, 1, -1)
    let tq1: [UInt8] = [0xBF] + Array(repeating: 0x80, count: 47) + [0x7F, 0x7F, 0x7F, 0x7F, 0x00, 0x3C]
    #expect(DequantizeTests.decode(.tq1_0, tq1, rows: 0..<1, columns: 256) == ternary)
    let tq2: [UInt8] = [0x22] + Array(repeating: 0x55, count: 63) + [0x00, 0x3C]
    #expect(DequantizeTests.decode(.tq2_0, tq2, rows: 0..<1, columns: 256) == ternary)

    var weights = [Float](repeating: 0, count: 128)
    (weights[0], weights[1], weights[32], weights[96]) = (0.5, -0.5, -0.5, 0.5)
    let i2s: [UInt8] =
      [0x86, 0x15] + Array(repeating: 0x55, count: 30) + Array([Float(0.5)].littleEndianBytes)
      + Array(repeating: 0xEE, count: 28)
    #expect(DequantizeTests.decode(.i2_s, i2s, rows: 0..<1, columns: 128) == weights)
  }

  @Test func `plain numbers become floats`() {
    var numbers = LittleEndianBytes()
    for value in [-3, 0, 70_000] as [Int32] { numbers.append(value) }
    #expect(DequantizeTests.decode(.i32, numbers.bytes, rows: 0..<3, columns: 1) == [-3, 0, 70_000])
    #expect(DequantizeTests.decode(.i8, [0xFF, 0x80, 0x7F], rows: 0..<1, columns: 3) == [-1, -128, 127])
    #expect(DequantizeTests.decode(.u8, [0xFF, 0x80, 1], rows: 1..<2, columns: 1) == [128])
    #expect(DequantizeTests.decode(.i16, [0xFE, 0xFF], rows: 0..<1, columns: 1) == [-2])
    var wide = LittleEndianBytes()
    wide.append(-0.25)
    wide.append(Int64(-5))
    #expect(DequantizeTests.decode(.f64, wide.bytes, rows: 0..<1, columns: 1) == [-0.25])
    #expect(DequantizeTests.decode(.i64, wide.bytes, rows: 1..<2, columns: 1) == [-5])
    #expect(DequantizeTests.decode(.f32, [Float.pi, 1].littleEndianBytes, rows: 1..<2, columns: 1) == [1])
  }
}
