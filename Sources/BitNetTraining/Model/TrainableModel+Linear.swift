import BitNet
package import Kernels
import TrainingKernels

extension TrainableModel {
  private func isQuantized(_ layer: TrainableLinear) -> Bool { layer.ternary != nil && lambda > 0 }

  /// The layers' outputs for an input that they share.
  package func apply(_ layers: [(layer: TrainableLinear, output: FloatMatrix)], to input: FloatMatrix, rows: Int) {
    let quantized = layers.filter { isQuantized($0.layer) }
    if !quantized.isEmpty {
      if lambda == 1 { applyIntegers(quantized, to: input, rows: rows) } else { applyMixed(quantized, input, rows) }
    }
    for (layer, output) in layers {
      if !isQuantized(layer) {
        compute.multiply(
          .plain(MatrixView(input, rows: 0..<rows)), .transposed(MatrixView(layer.weight.values)),
          into: MatrixView(output, rows: 0..<rows))
      }
      if let bias = layer.bias { compute.add(bias: bias.values, to: output, rows: rows) }
    }
  }

  /// The products of inference.
  private func applyIntegers(
    _ layers: [(layer: TrainableLinear, output: FloatMatrix)], to input: FloatMatrix, rows: Int
  ) {
    let integers = scratch.quantizedRows(rows: rows, columns: input.columns)
    compute.quantize(input, rows: rows, into: integers)
    compute.run(
      layers.compactMap { layer, output in
        layer.ternary.map { compute.product($0, quantized: integers, rows: rows, into: output) }
      })
  }

  private func applyMixed(
    _ layers: [(layer: TrainableLinear, output: FloatMatrix)], _ input: FloatMatrix, _ rows: Int
  ) {
    let mixed = scratch.matrix(.mixed, rows: rows, columns: input.columns)
    compute.mixActivations(input, lambda: Float(lambda), rows: rows, into: mixed)
    for (layer, output) in layers {
      let weights = operand(of: layer)
      compute.multiply(
        .plain(MatrixView(mixed, rows: 0..<rows)), .transposed(weights.view), scale: weights.scale,
        into: MatrixView(output, rows: 0..<rows))
    }
  }

  /// The matrix that the layer multiplies with, but for a factor.
  private func operand(of layer: TrainableLinear) -> (view: MatrixView, scale: Float) {
    let values = layer.weight.values
    guard let ternary = layer.ternary, lambda > 0 else { return (MatrixView(values), 1) }
    if lambda == 1 {
      let trits = scratch.matrix(
        .weights, rows: values.rows, columns: TernaryMatrix.paddedColumns(values.columns))
      compute.decode(ternary, into: trits)
      return (MatrixView(trits, rows: 0..<values.rows, columns: 0..<values.columns), ternary.scale)
    }
    let mixed = scratch.matrix(.weights, rows: values.rows, columns: values.columns)
    compute.mixWeights(values, scale: ternary.scale, lambda: Float(lambda), rows: values.rows, into: mixed)
    return (MatrixView(mixed, rows: 0..<values.rows), 1)
  }

  /// The straight-through gradients of layers that share an input: adds those by the weights, overwrites that by the input.
  ///
  /// - Parameters:
  ///   - layers: each with the gradient by its output.
  ///   - input: as the forward pass had it, before any quantization.
  package func applyBackward(
    _ layers: [(layer: TrainableLinear, gradient: FloatMatrix)], input: FloatMatrix, rows: Int,
    into inputGradient: FloatMatrix
  ) {
    let mixed = scratch.matrix(.mixed, rows: rows, columns: input.columns)
    if layers.contains(where: { isQuantized($0.layer) }) {
      compute.mixActivations(input, lambda: Float(lambda), rows: rows, into: mixed)
    }
    for (index, (layer, gradient)) in layers.enumerated() {
      let view = MatrixView(gradient, rows: 0..<rows)
      compute.multiply(
        .transposed(view), .plain(MatrixView(isQuantized(layer) ? mixed : input, rows: 0..<rows)),
        into: MatrixView(layer.weight.gradient), accumulating: true)
      let weights = operand(of: layer)
      compute.multiply(
        .plain(view), .plain(weights.view), scale: weights.scale, into: MatrixView(inputGradient, rows: 0..<rows),
        accumulating: index > 0)
      if let bias = layer.bias { compute.addColumnSums(of: gradient, rows: rows, to: bias.gradient) }
    }
  }
}
