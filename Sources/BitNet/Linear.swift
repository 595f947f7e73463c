import Kernels

/// One linear layer, `[outputs, inputs]`, in the form that the quantization mode asks for.
///
/// The stored form stays in the file's encoding; a quantized mode adds the trits, unless the file holds trits already.
struct Linear: Sendable {
  enum Weights: Sendable {
    /// The stored numbers with float activations.
    case encoded(EncodedMatrix)
    /// Trits with float activations.
    case ternary(TernaryMatrix)
    /// Trits with int8 activations.
    case bitLinear(TernaryMatrix)
    /// Trits with int8 activations, repacked for speed.
    case interleaved(InterleavedMatrix)

    /// What one token reads.
    var byteCount: Int {
      switch self {
      case .encoded(let matrix): matrix.byteCount
      case .ternary(let matrix), .bitLinear(let matrix): matrix.byteCount
      case .interleaved(let matrix): matrix.byteCount
      }
    }
  }

  let weights: Weights
  let bias: FloatVector?

  /// `W x + bias` of the first `rows` rows for layers that share an input, each into its output.
  static func apply(
    _ layers: [(layer: Linear, output: FloatMatrix)], to input: LayerInput, rows: Int, on compute: Compute
  ) {
    compute.run(layers.map { $0.layer.product(input, rows: rows, into: $0.output, on: compute) })
    for (layer, output) in layers {
      if let bias = layer.bias { compute.add(bias, to: output, rows: rows) }
    }
  }

  private func product(_ input: LayerInput, rows: Int, into output: FloatMatrix, on compute: Compute) -> Product {
    switch weights {
    case .encoded(let matrix): compute.product(matrix, input.floats, rows: rows, into: output)
    case .ternary(let matrix): compute.product(matrix, input.floats, rows: rows, into: output)
    case .bitLinear(let matrix):
      compute.product(matrix, quantized: input.quantized(rows: rows, on: compute), rows: rows, into: output)
    case .interleaved(let matrix):
      compute.product(matrix, quantized: input.quantized(rows: rows, on: compute), rows: rows, into: output)
    }
  }
}

/// The input of one or several linear layers: floats, and their int8 form made once for all layers that share it.
final class LayerInput {
  let floats: FloatMatrix
  private let integers: QuantizedRows
  private var quantizedRows = 0

  init(rows: Int, columns: Int) {
    floats = FloatMatrix(rows: rows, columns: columns)
    integers = QuantizedRows(capacity: rows, columns: columns)
  }

  /// Says that the floats were written anew.
  func invalidate() { quantizedRows = 0 }

  func quantized(rows: Int, on compute: Compute) -> QuantizedRows {
    if quantizedRows < rows {
      compute.quantize(floats, rows: rows, into: integers)
      quantizedRows = rows
    }
    return integers
  }
}
