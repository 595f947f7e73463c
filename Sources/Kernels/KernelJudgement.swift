/// Runs the selected kernels on a model's own first rows and holds them to the scalar specification.
///
/// Runtimes of this field have printed garbage for months on processors whose kernels nobody had run. A few
/// milliseconds at load end that.
extension Compute {
  /// Judges the product with a matrix, for one token and for many.
  ///
  /// - Parameters:
  ///   - matrix: as it will be used.
  ///   - packed: the same weights in the layout of the specification.
  ///   - name: the tensor's name, for the message.
  /// - Throws: `KernelError.wrongResult` if any bit differs from the scalar specification's.
  package func judge(_ matrix: InterleavedMatrix, packed: TernaryMatrix, name: String) throws(KernelError) {
    let prefix = matrix.prefix(min(packed.rows, 80))
    try judge(packed, kernel: "interleaved ternary product", name: name) { input, tokens, output in
      multiply(prefix, quantized: input, rows: tokens, into: output)
    }
  }

  /// Judges the product of packed trits with int8 activations, as ``judge(_:packed:name:)``.
  package func judge(_ matrix: TernaryMatrix, name: String) throws(KernelError) {
    let prefix = matrix.prefix(min(matrix.rows, 80))
    try judge(matrix, kernel: "packed ternary product", name: name) { input, tokens, output in
      multiply(prefix, quantized: input, rows: tokens, into: output)
    }
  }

  /// Judges the product of packed trits with float activations, as ``judge(_:packed:name:)``.
  package func judgeFloats(_ matrix: TernaryMatrix, name: String) throws(KernelError) {
    let prefix = matrix.prefix(min(matrix.rows, 16))
    let input = Compute.testActivations(rows: 6, columns: matrix.columns)
    try judge("ternary product, float input", name: name, tokens: 6, columns: prefix.rows) { compute, tokens, output in
      compute.multiply(prefix, input, rows: tokens, into: output)
    }
  }

  /// Judges the product of encoded weights with float activations, as ``judge(_:packed:name:)``.
  package func judge(_ matrix: EncodedMatrix, name: String) throws(KernelError) {
    let prefix = matrix.prefix(min(matrix.rows, 16))
    let input = Compute.testActivations(rows: 6, columns: matrix.columns)
    let kernel = "\(matrix.type.rawValue) float product"
    try judge(kernel, name: name, tokens: 6, columns: prefix.rows) { compute, tokens, output in
      compute.multiply(prefix, input, rows: tokens, into: output)
    }
  }

  /// Judges the scores of a screened head, as ``judge(_:packed:name:)``.
  package func judge(_ head: ScreenedHead, name: String) throws(KernelError) {
    let rows = min(head.exact.rows, 7)
    // 15 tokens are computed as 8, 4, 2 and 1.
    let input = Compute.testActivations(rows: 15, columns: head.exact.columns)
    try judge("int8 screening product", name: name, tokens: 15, columns: rows) { compute, tokens, output in
      head.scores(ofFirst: rows, input, tokens: tokens, into: output, on: compute)
    }
  }

  /// The most tokens whose products are judged: every path through the kernels for few tokens and for what is left of
  /// many.
  private static let mostTokens = 14

  private func judge(
    _ packed: TernaryMatrix, kernel: String, name: String,
    multiply: (_ input: QuantizedRows, _ tokens: Int, _ output: FloatMatrix) -> Void
  ) throws(KernelError) {
    let prefix = packed.prefix(min(packed.rows, 80)), most = Self.mostTokens
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    let input = QuantizedRows(capacity: most, columns: packed.columns)
    scalar.quantize(Compute.testActivations(rows: most, columns: packed.columns), rows: most, into: input)
    try judge(kernel, name: name, tokens: most, columns: prefix.rows) { compute, tokens, output in
      if compute === self {
        multiply(input, tokens, output)
      } else {
        compute.multiply(prefix, quantized: input, rows: tokens, into: output)
      }
    }
  }
}

extension Compute {
  /// Judges anything whose rows depend on no other row: `run` computes the first rows of its output, here for every
  /// number of tokens up to `most`, and on the specification for all of them.
  func judge(
    _ kernel: String, name: String, tokens most: Int, columns: Int,
    run: (_ compute: Compute, _ tokens: Int, _ output: FloatMatrix) -> Void
  ) throws(KernelError) {
    let expected = FloatMatrix(rows: most, columns: columns)
    run(try Compute(threads: 1, instructionSet: .scalar), most, expected)
    for tokens in 1...most {
      let found = FloatMatrix(rows: tokens, columns: columns)
      run(self, tokens, found)
      for token in 0..<tokens {
        for (right, own) in zip(expected[row: token], found[row: token]) {
          // A damaged weight may be no number; which bits it then has is nobody's promise.
          guard right.bitPattern != own.bitPattern, !(right.isNaN && own.isNaN) else { continue }
          throw .wrongResult(
            kernel: kernel, instructionSet: instructionSet.rawValue, tensor: name, tokens: tokens, found: own,
            expected: right)
        }
      }
    }
  }

  /// Activations that fill the int8 range, the first row at its extremes, which an accumulator of 16 bits cannot hold.
  static func testActivations(rows: Int, columns: Int) -> FloatMatrix {
    let matrix = FloatMatrix(rows: rows, columns: columns)
    var random = SplitMix64(seed: 20_24_02_17)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row: row][column] = row == 0 ? 127 : Float(random.unit() * 254 - 127) }
    }
    return matrix
  }
}
