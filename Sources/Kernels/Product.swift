/// A matrix product that has not been computed yet: a loop over the outputs of a layer.
///
/// Products that share an input (query, key and value; gate and up) are run together, so that the threads meet once
/// for all of them.
package struct Product {
  /// The number of outputs.
  let outputs: Int
  /// Pieces begin at multiples of this many outputs.
  let unit: Int
  /// Computes some outputs for all tokens, on the thread of that number.
  let compute: (_ thread: Int, _ outputs: Range<Int>) -> Void
}

extension Compute {
  /// Runs products, all outputs of all of them split between the threads.
  package func run(_ products: [Product]) {
    let unit = products.reduce(1) { max($0, $1.unit) }
    let grain = pool.grain(for: products.reduce(0) { $0 + $1.outputs }, multiple: unit)
    let pieces = products.map { ($0.outputs + grain - 1) / grain }
    pool.forEach(count: pieces.reduce(0, +), grain: 1) { thread, range in
      for index in range {
        var piece = index, number = 0
        while piece >= pieces[number] {
          piece -= pieces[number]
          number += 1
        }
        let first = piece * grain
        products[number].compute(thread, first..<min(first + grain, products[number].outputs))
      }
    }
  }
}

extension Compute {
  /// Computes a product of encoded weights and float activations at once.
  package func multiply(_ matrix: EncodedMatrix, _ input: FloatMatrix, rows: Int, into output: FloatMatrix) {
    run([product(matrix, input, rows: rows, into: output)])
  }

  /// Computes a product of ternary weights and float activations at once.
  package func multiply(_ matrix: TernaryMatrix, _ input: FloatMatrix, rows: Int, into output: FloatMatrix) {
    run([product(matrix, input, rows: rows, into: output)])
  }

  /// Computes a product of packed trits and int8 activations at once.
  package func multiply(
    _ matrix: TernaryMatrix, quantized input: QuantizedRows, rows: Int, into output: FloatMatrix
  ) {
    run([product(matrix, quantized: input, rows: rows, into: output)])
  }

  /// Computes a product of interleaved trits and int8 activations at once.
  package func multiply(
    _ matrix: InterleavedMatrix, quantized input: QuantizedRows, rows: Int, into output: FloatMatrix
  ) {
    run([product(matrix, quantized: input, rows: rows, into: output)])
  }
}
