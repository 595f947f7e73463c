import Kernels
import TestSupport
import Testing

/// Encoded weights are multiplied in place by one token, and decoded for many; the golden values are those of decoding:
/// Tests/Golden/make_dequantize_golden.py.
@Suite struct EncodedMatrixTests {
  private static let types = DequantizeTests.goldenTypes.filter { $0 != .i2_s }

  @Test(arguments: InstructionSet.available, types)
  func `any number of tokens gives the bits of decoded weights`(isa: InstructionSet, type: TensorType) throws {
    let blocks = try TestFiles.goldenBytes("dequantize/\(type.rawValue).blocks")
    let words = try TestFiles.goldenWords("dequantize/\(type.rawValue).f32")
    // As many rows of a few blocks as there are; halves leave a tail behind 32.
    let columns = type.isPlain ? 77 : type.blockElements * 2, rows = words.count / columns
    try #require(rows > 0)
    let encoded = EncodedMatrix(
      type: type, rows: rows, columns: columns,
      bytes: SharedBytes(copying: Array(blocks.prefix(try #require(type.byteCount(rows: rows, columns: columns))))))
    let floats = words.prefix(rows * columns).map { Float(bitPattern: $0) }
    let decoded = EncodedMatrix(
      type: .f32, rows: rows, columns: columns, bytes: SharedBytes(copying: floats.littleEndianBytes))
    var random = SplitMix(seed: 4)
    let input = FloatMatrix(rows: 6, columns: columns)
    for row in 0..<6 { for (i, value) in random.floats(columns).enumerated() { input[row: row][i] = value } }

    let expected = FloatMatrix(rows: 6, columns: rows)
    try Compute(threads: 1, instructionSet: .scalar).multiply(decoded, input, rows: 6, into: expected)
    let compute = try Compute(threads: 2, instructionSet: isa)
    for tokens in 1...6 {
      let output = FloatMatrix(rows: tokens, columns: rows)
      compute.multiply(encoded, input, rows: tokens, into: output)
      for token in 0..<tokens {
        for (own, right) in zip(output[row: token], expected[row: token]) where !right.isNaN {
          #expect(own.bitPattern == right.bitPattern, "\(tokens) tokens")
        }
      }
    }
  }
}
