import CKernels

/// Every kernel of every instruction set that this processor has, against the scalar specification.
package struct KernelVerification: Sendable {
  /// What one kernel of one instruction set came to.
  package struct Row: Sendable {
    package let instructionSet: InstructionSet
    package let kernel: String
    package var cases = 0
    package var failures = 0
    /// The first case that differed.
    package var firstFailure: String?
  }

  package private(set) var rows: [Row] = []

  /// Whether nothing differed.
  package var isClean: Bool { rows.allSatisfy { $0.failures == 0 } }

  /// Widths around every block size in use, and those of real models.
  private static let widths = [1, 2, 11, 12, 13, 31, 32, 33, 127, 128, 129, 192, 255, 576, 1536, 2560, 6912]
  /// Rows around the groups and tiles of every layout; wide rows are too slow for all of them.
  private static func rowCount(_ width: Int) -> Int { width <= 192 ? 83 : 19 }
  private static let tokenCounts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 17]

  /// Runs all of them.
  ///
  /// - Parameter progress: called with what is being verified.
  /// - Throws: `KernelError` only if an instruction set vanishes meanwhile.
  package init(progress: (String) -> Void = { _ in }) throws(KernelError) {
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    for isa in InstructionSet.available {
      progress(isa.rawValue)
      let compute = try Compute(threads: 2, instructionSet: isa)
      verifyPacking(compute)
      verifyTernary(compute, scalar)
      verifyFloats(compute, scalar)
    }
  }

  // MARK: Kernels

  private mutating func verifyPacking(_ compute: Compute) {
    var packing = Row(instructionSet: compute.instructionSet, kernel: "packing round trip")
    for width in Self.widths {
      for (label, trits) in Self.tritPatterns(rows: Self.rowCount(width), columns: width) {
        let matrix = Self.matrix(trits, pool: compute.pool)
        packing.count("\(label), \(width) wide") {
          (0..<trits.count).allSatisfy { matrix.values(row: $0) == trits[$0] }
        }
      }
    }
    rows.append(packing)
  }

  private mutating func verifyTernary(_ compute: Compute, _ scalar: Compute) {
    var quantize = Row(instructionSet: compute.instructionSet, kernel: "int8 quantization")
    var packed = Row(instructionSet: compute.instructionSet, kernel: "packed ternary product")
    var interleaved = Row(instructionSet: compute.instructionSet, kernel: "interleaved ternary product")
    var floats = Row(instructionSet: compute.instructionSet, kernel: "ternary product, float input")
    for width in Self.widths {
      for (inputLabel, input) in Self.inputPatterns(rows: Self.tokenCounts.max() ?? 1, columns: width) {
        let expectedInput = QuantizedRows(capacity: input.rows, columns: width)
        scalar.quantize(input, rows: input.rows, into: expectedInput)
        let ownInput = QuantizedRows(capacity: input.rows, columns: width)
        compute.quantize(input, rows: input.rows, into: ownInput)
        quantize.count("\(inputLabel), \(width) wide") {
          (0..<input.rows).allSatisfy {
            ownInput.integers(row: $0) == expectedInput.integers(row: $0)
              && ownInput.scale(row: $0).bitPattern == expectedInput.scale(row: $0).bitPattern
          }
        }
        for (label, trits) in Self.tritPatterns(rows: Self.rowCount(width), columns: width) {
          let matrix = Self.matrix(trits, pool: compute.pool)
          let own = InterleavedMatrix(matrix, pool: compute.pool)
          let exact = Self.exactProduct(trits, expectedInput, tokens: input.rows)
          for tokens in Self.tokenCounts {
            let name = "\(label) with \(inputLabel), \(width) wide, \(tokens) tokens"
            func holds(_ multiply: (FloatMatrix) -> Void) -> Bool {
              let output = FloatMatrix(rows: tokens, columns: trits.count)
              multiply(output)
              return output.isBitwiseEqual(to: exact)
            }
            packed.count(name) { holds { compute.multiply(matrix, quantized: expectedInput, rows: tokens, into: $0) } }
            if compute.kernels.interleaved_product != nil {
              interleaved.count(name) {
                holds { compute.multiply(own, quantized: expectedInput, rows: tokens, into: $0) }
              }
            }
          }
          let expected = FloatMatrix(rows: 5, columns: trits.count), found = FloatMatrix(rows: 5, columns: trits.count)
          scalar.multiply(matrix, input, rows: 5, into: expected)
          compute.multiply(matrix, input, rows: 5, into: found)
          floats.count("\(label) with \(inputLabel), \(width) wide") { found.isBitwiseEqual(to: expected) }
        }
      }
    }
    rows += [quantize, packed, floats]
    if interleaved.cases > 0 { rows.append(interleaved) }
  }

  private mutating func verifyFloats(_ compute: Compute, _ scalar: Compute) {
    var norm = Row(instructionSet: compute.instructionSet, kernel: "RMS norm")
    var sums = Row(instructionSet: compute.instructionSet, kernel: "sum of activations")
    var product = Row(instructionSet: compute.instructionSet, kernel: "float product")
    var attention = Row(instructionSet: compute.instructionSet, kernel: "attention")
    var caches = Row(instructionSet: compute.instructionSet, kernel: "key-value cache")
    var screening = Row(instructionSet: compute.instructionSet, kernel: "int8 screening product")
    var gates = Row(instructionSet: compute.instructionSet, kernel: "gate activations")
    for width in Self.widths {
      for (label, input) in Self.inputPatterns(rows: 6, columns: width) {
        func holds(_ columns: Int, _ compute1: (Compute, FloatMatrix) -> Void) -> Bool {
          let expected = FloatMatrix(rows: 6, columns: columns), found = FloatMatrix(rows: 6, columns: columns)
          compute1(scalar, expected)
          compute1(compute, found)
          return found.isBitwiseEqual(to: expected)
        }
        let weight = FloatVector((0..<width).map { 1 + Float($0 % 7) / 8 })
        norm.count("\(label), \(width) wide") {
          holds(width) { $0.rmsNorm(input, weight: weight, epsilon: 1e-5, rows: 6, into: $1) }
        }
        sums.count("\(label), \(width) wide") {
          holds(width) { compute, output in
            for row in 0..<6 { output.copyRow(5 - row, of: input, to: row) }
            compute.add(input, to: output, rows: 6)
          }
        }
        let rows = Self.inputPatterns(rows: 5, columns: width)[0].1
        let matrix = EncodedMatrix(
          type: .f32, rows: 5, columns: width, bytes: SharedBytes(copying: rows.packedBytes))
        product.count("\(label), \(width) wide") { holds(5) { $0.multiply(matrix, input, rows: 6, into: $1) } }
        let head = ScreenedHead(matrix, pool: compute.pool)
        screening.count("\(label), \(width) wide") {
          holds(5) { head.scores(ofFirst: 5, input, tokens: 6, into: $1, on: $0) }
        }
        guard width <= 192 else { continue }
        // Two query heads on one key-value head, and one on one, in both precisions.
        let source = Self.inputPatterns(rows: 300, columns: width)[0].1
        for precision in CacheShape.Precision.allCases {
          let shape = CacheShape(layers: 1, heads: 1, headSize: width, precision: precision)
          func pages(_ compute: Compute) -> [CachePage] {
            let pages = (0..<5).map { _ in CachePage(shape: shape) }
            let all = CacheSpan(rows: 0..<300, start: 0, pages: pages)
            compute.store(keys: source, values: source, layer: 0, spans: [all])
            return pages
          }
          let cached = pages(scalar)
          caches.count("\(precision), \(width) wide") { pages(compute).map(\.bytes) == cached.map(\.bytes) }
          for heads in [1, 2] {
            let queries = Self.inputPatterns(rows: 6, columns: heads * width)[0].1
            // Across the end of a stretch of positions, and at once for all tokens or causally.
            for (start, isCausal) in [(290, true), (253, true), (40, false)] {
              let span = CacheSpan(rows: 0..<6, start: start, pages: cached, isCausal: isCausal)
              attention.count("\(label), \(heads) heads of \(width) in \(precision), behind \(start)") {
                holds(heads * width) { $0.attend(queries, layer: 0, spans: [span], into: $1) }
              }
            }
          }
        }
        for activation in [GateActivation.silu, .squaredReLU] {
          gates.count("\(activation), \(label), \(width) wide") {
            holds(width) { compute, output in
              // The two are not the same, lest an exchange of factors pass.
              for row in 0..<6 { output.copyRow(5 - row, of: input, to: row) }
              compute.gate(output, with: input, activation: activation, rows: 6)
            }
          }
        }
      }
    }
    rows += [norm, sums, product, screening, attention, caches, gates]
    verifyEncodedRows(compute, scalar)
  }

  /// One token against encoded rows, decoded in registers, against rows that are decoded to memory first.
  private mutating func verifyEncodedRows(_ compute: Compute, _ scalar: Compute) {
    for type in TensorType.allCases where compute.kernels.rowProduct(of: type) != nil {
      var row = Row(instructionSet: compute.instructionSet, kernel: "\(type.rawValue) row product")
      for width in Self.widths where width.isMultiple(of: type.blockElements) {
        guard let size = type.byteCount(rows: 7, columns: width) else { continue }
        var random = SplitMix64(seed: UInt64(width))
        // No scale or value beyond the range of weights: an exponent of 15 at most, in either kind of half.
        let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) & 0xBF }
        let matrix = EncodedMatrix(type: type, rows: 7, columns: width, bytes: SharedBytes(copying: bytes))
        // For so many tokens rows are decoded.
        let many = EncodedMatrix.fewTokens + 1
        for (label, input) in Self.inputPatterns(rows: many, columns: width) {
          let expected = FloatMatrix(rows: many, columns: 7), found = FloatMatrix(rows: 1, columns: 7)
          scalar.multiply(matrix, input, rows: many, into: expected)
          compute.multiply(matrix, input, rows: 1, into: found)
          row.count("\(label), \(width) wide") {
            zip(found[row: 0], expected[row: 0]).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
          }
        }
      }
      rows.append(row)
    }
  }

  // MARK: Cases

  private static func matrix(_ trits: [[Int8]], pool: ThreadPool) -> TernaryMatrix {
    TernaryMatrix(rows: trits.count, columns: trits[0].count, scale: 0.75, pool: pool) { row, codes in
      for (column, trit) in trits[row].enumerated() { codes[column] = UInt8(trit + 1) }
    }
  }

  private static func tritPatterns(rows: Int, columns: Int) -> [(String, [[Int8]])] {
    var random = SplitMix64(seed: UInt64(columns))
    func pattern(_ value: (Int, Int) -> Int8) -> [[Int8]] {
      (0..<rows).map { row in (0..<columns).map { value(row, $0) } }
    }
    return [
      ("random trits", pattern { _, _ in Int8(random.next() >> 33 % 3) - 1 }), ("all +1", pattern { _, _ in 1 }),
      ("all -1", pattern { _, _ in -1 }), ("alternating", pattern { ($0 + $1).isMultiple(of: 2) ? 1 : -1 }),
      ("one weight", pattern { $1 == $0 * 31 % columns ? 1 : 0 }),
    ]
  }

  private static func inputPatterns(rows: Int, columns: Int) -> [(String, FloatMatrix)] {
    var random = SplitMix64(seed: UInt64(columns) &+ 77)
    func pattern(_ value: (Int, Int) -> Float) -> FloatMatrix {
      let matrix = FloatMatrix(rows: rows, columns: columns)
      for row in 0..<rows { for column in 0..<columns { matrix[row: row][column] = value(row, column) } }
      return matrix
    }
    return [
      ("random inputs", pattern { _, _ in Float(random.unit() * 6 - 3) }), ("all 127", pattern { _, _ in 127 }),
      ("all -127", pattern { _, _ in -127 }), ("alternating signs", pattern { $1.isMultiple(of: 2) ? 127 : -127 }),
      ("one outlier", pattern { $1 == $0 * 17 % columns ? 1000 : 0.01 }), ("zeros", pattern { _, _ in 0 }),
    ]
  }

  /// The product with sums in 64 bits, written without any kernel.
  private static func exactProduct(_ trits: [[Int8]], _ input: QuantizedRows, tokens: Int) -> FloatMatrix {
    let output = FloatMatrix(rows: tokens, columns: trits.count)
    for token in 0..<tokens {
      let integers = input.integers(row: token)
      for row in trits.indices {
        var sum = 0
        for column in integers.indices { sum += Int(trits[row][column]) * Int(integers[column]) }
        output[row: token][row] = Float(sum) * (0.75 * input.scale(row: token))
      }
    }
    return output
  }
}

extension KernelVerification.Row {
  fileprivate mutating func count(_ name: String, _ holds: () -> Bool) {
    cases += 1
    guard !holds() else { return }
    failures += 1
    firstFailure = firstFailure ?? name
  }
}

extension FloatMatrix {
  fileprivate func isBitwiseEqual(to other: FloatMatrix) -> Bool {
    (0..<rows).allSatisfy { row in
      zip(self[row: row], other[row: row]).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
  }

  fileprivate var packedBytes: [UInt8] {
    (0..<rows).flatMap { row in self[row: row].flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian, Array.init) } }
  }
}
