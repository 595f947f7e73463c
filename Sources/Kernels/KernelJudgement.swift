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
    let rows = min(packed.rows, 80)
    try judge(packed.prefix(rows), kernel: "interleaved ternary product", name: name) { input, tokens, output in
      multiply(matrix.prefix(rows), quantized: input, rows: tokens, into: output)
    }
  }

  /// Judges the product with packed trits, as ``judge(_:packed:name:)``.
  package func judge(_ matrix: TernaryMatrix, name: String) throws(KernelError) {
    let prefix = matrix.prefix(min(matrix.rows, 80))
    try judge(prefix, kernel: "packed ternary product", name: name) { input, tokens, output in
      multiply(prefix, quantized: input, rows: tokens, into: output)
    }
  }

  /// Judges the product with encoded weights and float activations, as ``judge(_:packed:name:)``.
  package func judge(_ matrix: EncodedMatrix, name: String) throws(KernelError) {
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    let prefix = matrix.prefix(min(matrix.rows, 16))
    for tokens in [1, 6] {
      let input = Compute.testActivations(rows: tokens, columns: matrix.columns)
      let expected = FloatMatrix(rows: tokens, columns: prefix.rows),
        found = FloatMatrix(rows: tokens, columns: prefix.rows)
      scalar.multiply(prefix, input, rows: tokens, into: expected)
      multiply(prefix, input, rows: tokens, into: found)
      try refuse(expected, found, tokens: tokens, kernel: "\(matrix.type.rawValue) float product", name: name)
    }
  }

  /// Judges the scores of a screened head, as ``judge(_:packed:name:)``.
  package func judge(_ head: ScreenedHead, name: String) throws(KernelError) {
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    let rows = min(head.exact.rows, 7)
    // 15 tokens are computed as 8, 4, 2 and 1.
    let tokens = 15
    let input = Compute.testActivations(rows: tokens, columns: head.exact.columns)
    let expected = FloatMatrix(rows: tokens, columns: rows), found = FloatMatrix(rows: tokens, columns: rows)
    head.scores(ofFirst: rows, input, tokens: tokens, into: expected, on: scalar)
    head.scores(ofFirst: rows, input, tokens: tokens, into: found, on: self)
    try refuse(expected, found, tokens: tokens, kernel: "int8 screening product", name: name)
  }

  private func judge(
    _ packed: TernaryMatrix, kernel: String, name: String,
    multiply: (_ input: QuantizedRows, _ tokens: Int, _ output: FloatMatrix) -> Void
  ) throws(KernelError) {
    let scalar = try Compute(threads: 1, instructionSet: .scalar)
    for tokens in [1, 13] {
      let input = QuantizedRows(capacity: tokens, columns: packed.columns)
      scalar.quantize(
        Compute.testActivations(rows: tokens, columns: packed.columns), rows: tokens, into: input)
      let expected = FloatMatrix(rows: tokens, columns: packed.rows),
        found = FloatMatrix(rows: tokens, columns: packed.rows)
      scalar.multiply(packed, quantized: input, rows: tokens, into: expected)
      multiply(input, tokens, found)
      try refuse(expected, found, tokens: tokens, kernel: kernel, name: name)
    }
  }

  private func refuse(
    _ expected: FloatMatrix, _ found: FloatMatrix, tokens: Int, kernel: String, name: String
  ) throws(KernelError) {
    for token in 0..<tokens {
      for row in 0..<expected.columns {
        let right = expected[row: token][row], own = found[row: token][row]
        // A damaged weight may be no number; which bits it then has is nobody's promise.
        guard right.bitPattern != own.bitPattern, !(right.isNaN && own.isNaN) else { continue }
        throw .wrongResult(
          kernel: kernel, instructionSet: instructionSet.rawValue, tensor: name, tokens: tokens, found: own,
          expected: right)
      }
    }
  }

  /// Activations that fill the int8 range, the first row at its extremes, which an accumulator of 16 bits cannot hold.
  private static func testActivations(rows: Int, columns: Int) -> FloatMatrix {
    let matrix = FloatMatrix(rows: rows, columns: columns)
    var random = SplitMix64(seed: 20_24_02_17)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row: row][column] = row == 0 ? 127 : Float(random.unit() * 254 - 127) }
    }
    return matrix
  }
}
