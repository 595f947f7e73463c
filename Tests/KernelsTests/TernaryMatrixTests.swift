import Kernels
import TestSupport
import Testing

private let widths = [1, 31, 32, 127, 128, 129, 192, 576, 1536, 2560]

@Suite struct TernaryMatrixTests {
  private func matrix(_ values: [[Int8]], scale: Float = 1, threads: Int = 2) -> TernaryMatrix {
    TernaryMatrix(
      rows: values.count, columns: values[0].count, scale: scale, pool: ThreadPool(threadCount: threads)
    ) { row, codes in
      for (i, value) in values[row].enumerated() { codes[i] = UInt8(value + 1) }
    }
  }

  private func floatMatrix(_ rows: [[Float]]) -> FloatMatrix {
    let matrix = FloatMatrix(rows: rows.count, columns: rows[0].count)
    for (r, row) in rows.enumerated() { for (c, value) in row.enumerated() { matrix[row: r][c] = value } }
    return matrix
  }

  @Test(arguments: widths) func `packing keeps every value`(columns: Int) {
    var random = SplitMix(seed: UInt64(columns))
    let values = (0..<7).map { _ in (0..<columns).map { _ in Int8.random(in: -1...1, using: &random) } }
    let packed = matrix(values)
    for row in 0..<7 { #expect(packed.values(row: row) == values[row]) }
  }

  /// The layout example of the I2_S format: +1 at 0, -1 at 1 and 32 ... as bytes of the file.
  @Test func `the packing is that of I2_S`() {
    var bytes = [UInt8](repeating: 0x55, count: 32)
    bytes[0] = 0x86
    bytes[1] = 0x15
    let packed = TernaryMatrix(rows: 1, columns: 128, packed: SharedBytes(copying: bytes), scale: 0.5)
    var expected = [Int8](repeating: 0, count: 128)
    expected[0] = 1
    expected[1] = -1
    expected[32] = -1
    expected[96] = 1
    #expect(packed.values(row: 0) == expected)
  }

  @Test(arguments: InstructionSet.available, widths)
  func `sums are exact for random and for extreme inputs`(isa: InstructionSet, columns: Int) throws {
    let compute = try Compute(threads: 2, instructionSet: isa)
    var random = SplitMix(seed: 7)
    var rows: [[Int8]] = (0..<21).map { _ in (0..<columns).map { _ in Int8.random(in: -1...1, using: &random) } }
    rows.append(Array(repeating: 1, count: columns))
    rows.append(Array(repeating: -1, count: columns))
    rows.append((0..<columns).map { $0.isMultiple(of: 2) ? 1 : -1 })
    let packed = matrix(rows)

    // Every input has an element of magnitude 127, so that its scale is exactly 1 and the integers are the inputs.
    var inputs: [[Float]] = [
      Array(repeating: 127, count: columns), Array(repeating: -127, count: columns),
      (0..<columns).map { $0.isMultiple(of: 2) ? 127 : -127 },
    ]
    for _ in 0..<4 {
      inputs.append((0..<columns).map { _ in Float(Int.random(in: -127...127, using: &random)) })
      inputs[inputs.count - 1][columns - 1] = 127
    }
    let input = floatMatrix(inputs)
    let quantized = QuantizedRows(capacity: inputs.count, columns: columns)
    compute.quantize(input, rows: inputs.count, into: quantized)
    let exact = inputs.map { input in rows.map { zip($0, input).reduce(0) { $0 + Int($1.0) * Int($1.1) } } }
    // Few tokens are computed with weights unpacked in registers, more with a tile of unpacked rows.
    for tokens in 1...inputs.count {
      let output = FloatMatrix(rows: tokens, columns: rows.count)
      compute.multiply(packed, quantized: quantized, rows: tokens, into: output)
      for t in 0..<tokens {
        #expect(quantized.scale(row: t) == 1)
        #expect(output[row: t].map { Int($0) } == exact[t], "\(tokens) tokens")
      }
    }
  }

  @Test(arguments: InstructionSet.available)
  func `rows too wide for a tile give exact sums`(isa: InstructionSet) throws {
    let columns = 65_536 + 300, tokens = 5
    let compute = try Compute(threads: 2, instructionSet: isa)
    let packed = matrix([[Int8](repeating: 1, count: columns), [Int8](repeating: -1, count: columns)])
    let input = floatMatrix((0..<tokens).map { token in (0..<columns).map { $0 % 3 == token % 3 ? 127 : -1 } })
    let quantized = QuantizedRows(capacity: tokens, columns: columns)
    compute.quantize(input, rows: tokens, into: quantized)
    let output = FloatMatrix(rows: tokens, columns: 2)
    compute.multiply(packed, quantized: quantized, rows: tokens, into: output)
    for token in 0..<tokens {
      let exact = quantized.integers(row: token).reduce(0) { $0 + Int($1) }
      #expect(output[row: token].map { Int($0) } == [exact, -exact])
    }
  }

  /// Every number of tokens takes another path through the kernels: few in registers, many through a decoded tile.
  @Test(arguments: InstructionSet.available.filter { [.scalar, .avx512vbmi].contains($0) }, widths)
  func `interleaved weights give the packed weights' bits`(isa: InstructionSet, columns: Int) throws {
    let compute = try Compute(threads: 2, instructionSet: isa)
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    var random = SplitMix(seed: 17)
    for rowCount in [1, 16, 37, 150] {
      var rows = (0..<rowCount).map { _ in (0..<columns).map { _ in Int8.random(in: -1...1, using: &random) } }
      rows[0] = Array(repeating: 1, count: columns)
      rows[rowCount - 1] = Array(repeating: -1, count: columns)
      let packed = matrix(rows, scale: 0.7)
      let interleaved = InterleavedMatrix(packed, pool: compute.pool)
      for tokens in [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 24, 35] {
        var inputs = (0..<tokens).map { _ in random.floats(columns, scale: 5) }
        inputs[0] = Array(repeating: -128, count: columns)
        let quantized = QuantizedRows(capacity: tokens, columns: columns)
        scalar.quantize(floatMatrix(inputs), rows: tokens, into: quantized)
        let expected = FloatMatrix(rows: tokens, columns: rowCount)
        scalar.multiply(packed, quantized: quantized, rows: tokens, into: expected)
        let output = FloatMatrix(rows: tokens, columns: rowCount)
        compute.multiply(interleaved, quantized: quantized, rows: tokens, into: output)
        for t in 0..<tokens {
          #expect(output.copy(row: t) == expected.copy(row: t), "\(rowCount) rows, \(tokens) tokens")
        }
      }
    }
  }

  @Test(arguments: InstructionSet.available, widths)
  func `quantization is round half to even of x over s`(isa: InstructionSet, columns: Int) throws {
    let compute = try Compute(threads: 1, instructionSet: isa)
    var random = SplitMix(seed: 99)
    var values = random.floats(columns, scale: 3)
    values[0] = 127
    if columns > 4 {
      // Exact halves at scale 1.
      values[1] = 2.5
      values[2] = 3.5
      values[3] = -0.5
    }
    let quantized = QuantizedRows(capacity: 1, columns: columns)
    compute.quantize(floatMatrix([values]), rows: 1, into: quantized)
    let scale = max(values.map(abs).max() ?? 0, 1e-5) / 127
    #expect(quantized.scale(row: 0) == scale)
    let expected = values.map { Int8(max(-128, min(127, ($0 / scale).rounded(.toNearestOrEven)))) }
    #expect(quantized.integers(row: 0) == expected)
  }

  @Test(arguments: InstructionSet.available)
  func `not a number and infinity quantize alike everywhere`(isa: InstructionSet) throws {
    let compute = try Compute(threads: 1, instructionSet: isa)
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    for special in [Float.nan, .infinity, -.infinity] {
      for position in [0, 5, 16, 36] {
        var random = SplitMix(seed: 3)
        var values = random.floats(37)
        values[position] = special
        let a = QuantizedRows(capacity: 1, columns: 37), b = QuantizedRows(capacity: 1, columns: 37)
        compute.quantize(floatMatrix([values]), rows: 1, into: a)
        scalar.quantize(floatMatrix([values]), rows: 1, into: b)
        #expect(a.integers(row: 0) == b.integers(row: 0))
        #expect(a.scale(row: 0).bitPattern == b.scale(row: 0).bitPattern)
      }
    }
  }

  @Test(arguments: InstructionSet.available, widths)
  func `float products of ternary weights give the scalar bits`(isa: InstructionSet, columns: Int) throws {
    var random = SplitMix(seed: 11)
    let rows = (0..<37).map { _ in (0..<columns).map { _ in Int8.random(in: -1...1, using: &random) } }
    let packed = matrix(rows, scale: 0.3)
    let input = floatMatrix((0..<6).map { _ in random.floats(columns) })
    func product(_ isa: InstructionSet, threads: Int) throws -> [[Float]] {
      let output = FloatMatrix(rows: 6, columns: rows.count)
      try Compute(threads: threads, instructionSet: isa).multiply(packed, input, rows: 6, into: output)
      return (0..<6).map(output.copy(row:))
    }
    let result = try product(isa, threads: 2)
    #expect(try product(.scalar, threads: 1) == result)
    for t in 0..<6 {
      for r in rows.indices {
        let exact = zip(rows[r], input[row: t]).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } * 0.3
        #expect(abs(Double(result[t][r]) - exact) < 1e-4)
      }
    }
  }
}
