import Kernels
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

private func matrix(_ rows: [[Float]]) -> FloatMatrix {
  let matrix = FloatMatrix(rows: rows.count, columns: rows[0].count)
  for (r, row) in rows.enumerated() { for (c, value) in row.enumerated() { matrix[row: r][c] = value } }
  return matrix
}

@Suite struct ComputeLayersTests {
  @Test(arguments: InstructionSet.available, [1, 15, 64, 100, 576])
  func `RMSNorm gives the scalar bits and the formula's value`(isa: InstructionSet, columns: Int) throws {
    var random = SplitMix(seed: 5)
    let x = random.floats(columns, scale: 4), weight = random.floats(columns)
    func normalized(_ isa: InstructionSet) throws -> [Float] {
      let output = FloatMatrix(rows: 1, columns: columns)
      try Compute(threads: 1, instructionSet: isa)
        .rmsNorm(matrix([x]), weight: FloatVector(weight), epsilon: 1e-5, rows: 1, into: output)
      return output.copy(row: 0)
    }
    let result = try normalized(isa)
    #expect(try normalized(.scalar) == result)
    let meanSquare = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(columns)
    for i in 0..<columns {
      #expect(abs(Double(result[i]) - Double(x[i]) / (meanSquare + 1e-5).squareRoot() * Double(weight[i])) < 1e-5)
    }
  }

  @Test(arguments: InstructionSet.available, CacheShape.Precision.allCases)
  func `attention equals softmax of scaled products`(isa: InstructionSet, precision: CacheShape.Precision) throws {
    for headSize in [8, 20, 64, 100] { try checkAttention(isa, precision, headSize: headSize, start: 5) }
  }

  @Test(arguments: InstructionSet.available, CacheShape.Precision.allCases)
  func `attention is the same where stretches of a long context are merged`(
    isa: InstructionSet, precision: CacheShape.Precision
  ) throws {
    // The tokens of the first lie on both sides of the end of a stretch.
    for (start, isCausal) in [(254, true), (254, false), (700, true)] {
      try checkAttention(isa, precision, headSize: 16, start: start, isCausal: isCausal)
    }
  }

  private func checkAttention(
    _ isa: InstructionSet, _ precision: CacheShape.Precision, headSize: Int, start: Int, isCausal: Bool = true
  ) throws {
    var random = SplitMix(seed: 21)
    let heads = 4, kvHeads = 2, rows = 3
    let queries = matrix((0..<rows).map { _ in random.floats(heads * headSize) })
    // Numbers that halves hold exactly, and int8 with the scale 1/128, so that the cache rounds nothing.
    let cached = (0..<2).map { _ in
      matrix(
        (0..<start + rows).map { _ in
          random.floats(kvHeads * headSize).enumerated().map { index, value in
            index % headSize == 0 ? 127 / 128 : (value * 127).rounded() / 128
          }
        })
    }
    let keys = cached[0], values = cached[1]
    let shape = CacheShape(layers: 1, heads: kvHeads, headSize: headSize, precision: precision)
    let pages = (0...(start + rows) / CachePage.positions).map { _ in CachePage(shape: shape) }
    try Compute(threads: 1, instructionSet: .scalar)
      .store(
        keys: keys, values: values, layer: 0, spans: [CacheSpan(rows: 0..<start + rows, start: 0, pages: pages)])
    /// Few pieces are shared out stretch by stretch, many are not: the same sequence nine times.
    func attended(_ isa: InstructionSet, threads: Int, copies: Int) throws -> [[Float]] {
      let many = matrix((0..<copies * rows).map { queries.copy(row: $0 % rows) })
      let output = FloatMatrix(rows: copies * rows, columns: heads * headSize)
      let spans = (0..<copies).map {
        CacheSpan(rows: $0 * rows..<($0 + 1) * rows, start: start, pages: pages, isCausal: isCausal)
      }
      try Compute(threads: threads, instructionSet: isa).attend(many, layer: 0, spans: spans, into: output)
      return (0..<copies * rows).map(output.copy(row:))
    }
    let result = try attended(isa, threads: 2, copies: 1)
    #expect(try attended(.scalar, threads: 1, copies: 1) == result)
    #expect(try attended(isa, threads: 2, copies: 9) == Array(repeatElement(result, count: 9).joined()))
    for t in 0..<rows {
      let seen = isCausal ? start + t + 1 : start + rows
      for h in 0..<heads {
        let kv = h / 2 * headSize
        let scores = (0..<seen).map { p in
          (0..<headSize).reduce(0.0) { $0 + Double(queries[row: t][h * headSize + $1]) * Double(keys[row: p][kv + $1]) }
            / Double(headSize).squareRoot()
        }
        let weights = scores.map { exp($0) }
        let total = weights.reduce(0, +)
        for i in 0..<headSize {
          let exact = (0..<seen).reduce(0.0) { $0 + weights[$1] / total * Double(values[row: $1][kv + i]) }
          #expect(abs(Double(result[t][h * headSize + i]) - exact) < 1e-5)
        }
      }
    }
  }

  @Test(arguments: [RotaryLayout.halves, .interleaved]) func `rotation turns each pair by its angle`(
    layout: RotaryLayout
  ) throws {
    let compute = try Compute(threads: 1)
    var random = SplitMix(seed: 2)
    let x = random.floats(16)
    let heads = matrix([x])
    let angles: [Float] = [0.1, 0.7, 1.9, 3]
    compute.rotate(
      heads, rows: 1, headSize: 8, cosines: matrix([angles.map(cosf)]), sines: matrix([angles.map(sinf)]),
      layout: layout)
    for head in 0..<2 {
      for i in 0..<4 {
        let a = head * 8 + (layout == .halves ? i : 2 * i), b = layout == .halves ? a + 4 : a + 1
        #expect(abs(heads[row: 0][a] - (x[a] * cosf(angles[i]) - x[b] * sinf(angles[i]))) < 1e-6)
        #expect(abs(heads[row: 0][b] - (x[a] * sinf(angles[i]) + x[b] * cosf(angles[i]))) < 1e-6)
      }
    }
  }

  @Test(arguments: [GateActivation.silu, .squaredReLU]) func `the gate multiplies act(gate) by up`(
    activation: GateActivation
  ) throws {
    let compute = try Compute(threads: 2)
    let z: [Float] = [-3, -0.5, 0, 0.5, 300], up: [Float] = [1, 2, 3, 4, 5]
    let gate = matrix([z])
    compute.gate(gate, with: matrix([up]), activation: activation, rows: 1)
    for i in z.indices {
      let expected = activation == .silu ? z[i] / (1 + expf(-z[i])) * up[i] : max(0, z[i]) * max(0, z[i]) * up[i]
      #expect(abs(gate[row: 0][i] - expected) <= abs(expected) * 1e-6)
    }
  }
}

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 5]) func `every index is visited once`(threads: Int) {
    let pool = ThreadPool(threadCount: threads)
    for count in [0, 1, 7, 1000] {
      nonisolated(unsafe) let visits = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
      defer { visits.deallocate() }
      visits.initialize(repeating: 0, count: count + 1)
      for _ in 0..<200 { pool.forEach(count: count, grain: 3) { for i in $0 { visits[i] += 1 } } }
      for i in 0..<count { #expect(visits[i] == 200) }
    }
  }

  @Test func `sessions may share a pool`() async {
    let pool = ThreadPool(threadCount: 2)
    let totals = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          nonisolated(unsafe) let sums = UnsafeMutablePointer<Int>.allocate(capacity: 100)
          defer { sums.deallocate() }
          sums.initialize(repeating: 0, count: 100)
          for _ in 0..<100 { pool.forEach(count: 100, grain: 1) { for i in $0 { sums[i] += i } } }
          return (0..<100).reduce(0) { $0 + sums[$1] }
        }
      }
      return await group.reduce(into: [Int]()) { $0.append($1) }
    }
    #expect(totals == Array(repeating: 4950 * 100, count: 8))
  }
}

@Suite struct InstructionSetTests {
  @Test func `scalar is always available`() { #expect(InstructionSet.available.contains(.scalar)) }
}
