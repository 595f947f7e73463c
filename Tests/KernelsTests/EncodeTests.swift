import Kernels
import TestSupport
import Testing

/// Golden values: Tests/Golden/make_encode_golden.py (gguf-py 0.19.0; bitnet.cpp for I2_S).
struct EncodeTests {
  static func floats(_ name: String) throws -> [Float] {
    try TestFiles.goldenWords("encode/\(name).f32").map(Float.init(bitPattern:))
  }

  static func array(_ bytes: SharedBytes) -> [UInt8] { bytes.array(0..<bytes.count) }

  /// The first byte that differs: a whole tensor is no message.
  static func firstDifference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
    a.count == b.count ? zip(a, b).enumerated().first { $1.0 != $1.1 }?.offset : min(a.count, b.count)
  }

  /// 8 rows of 256, as the script wrote them, as trits.
  static func ternary(_ compute: Compute) throws -> TernaryMatrix {
    let bytes = try SharedBytes(copying: TestFiles.goldenBytes("encode/ternary.f32"))
    let made = compute.ternarize(EncodedMatrix(type: .f32, rows: 8, columns: 256, bytes: bytes))
    #expect(made.wasTernary)
    return made.matrix
  }

  @Test(arguments: [TensorType.f16, .bf16, .q8_0, .q4_0, .tq1_0, .tq2_0], [1, 3])
  func `encoding equals gguf-py byte for byte`(type: TensorType, threads: Int) throws {
    let values = try EncodeTests.floats("values")
    let encoded = try Compute(threads: threads).encode(rows: values.count / 512, columns: 512, as: type) {
      row, buffer in
      for column in 0..<512 { buffer[column] = values[row * 512 + column] }
    }
    let expected = try TestFiles.goldenBytes("encode/\(type.rawValue).blocks")
    #expect(EncodeTests.firstDifference(EncodeTests.array(encoded), expected) == nil)
  }

  @Test(arguments: [TensorType.f16, .q8_0, .tq1_0, .tq2_0])
  func `trits are encoded as gguf-py encodes their values`(type: TensorType) throws {
    let compute = try Compute(threads: 2)
    let encoded = try compute.encode(EncodeTests.ternary(compute), rows: 0..<8, as: type)
    let expected = try TestFiles.goldenBytes("encode/ternary-\(type.rawValue).blocks")
    #expect(EncodeTests.firstDifference(EncodeTests.array(encoded), expected) == nil)
  }

  @Test func `I2_S equals what bitnet.cpp writes`() throws {
    let compute = try Compute(threads: 2)
    let matrix = try EncodeTests.ternary(compute)
    let bytes = EncodeTests.array(compute.encode(matrix, rows: 0..<8, as: .i2_s)) + EncodeTests.array(matrix.trailer)
    let expected = try TestFiles.goldenBytes("encode/ternary-I2_S.blocks")
    #expect(EncodeTests.firstDifference(bytes, expected) == nil)
  }

  @Test(arguments: [TensorType.q4_0, .q8_0, .tq1_0, .tq2_0, .f16, .bf16, .f32])
  func `trits survive every type, in another order of rows too`(type: TensorType) throws {
    let compute = try Compute(threads: 2)
    let matrix = try EncodeTests.ternary(compute)
    let order = [3, 0, 7, 1, 2, 6, 5, 4]
    let encoded = compute.encode(matrix, rows: order, as: type)
    let read = compute.ternarize(EncodedMatrix(type: type, rows: 8, columns: 256, bytes: encoded))
    #expect(read.wasTernary)
    #expect(read.matrix.holdsSameTrits(as: matrix, rows: order, pool: compute.pool))
    #expect(abs(read.matrix.scale / matrix.scale - 1) <= (type == .bf16 ? 0x1p-8 : 0x1p-11))
  }

  @Test func `packed quarters are those that are unpacked again`() throws {
    let compute = try Compute(threads: 2)
    var random = SplitMix(seed: 5)
    let values = (0..<7 * 40).map { _ in UInt8.random(in: 0...2, using: &random) }
    let matrix = TernaryMatrix(rows: 7, columns: 40, scale: 0.5, pool: compute.pool) { row, codes in
      for column in 0..<40 { codes[column] = values[row * 40 + column] }
    }
    // Rows that are no multiple of four: the surplus lanes hold the code 0.
    let packed = matrix.quarters(rows: Array(0..<7))
    let again = TernaryMatrix(rows: 7, columns: 40, quarters: packed, scale: 0.5, pool: compute.pool)
    #expect(again.holdsSameTrits(as: matrix, rows: Array(0..<7), pool: compute.pool))
    let counts = matrix.counts(pool: compute.pool)
    #expect(counts.minus == values.count { $0 == 0 })
    #expect(counts.zero == values.count { $0 == 1 })
    #expect(counts.plus == values.count { $0 == 2 })
  }
}
