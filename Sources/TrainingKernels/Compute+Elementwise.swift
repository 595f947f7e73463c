import CKernels
package import Kernels

extension Compute {
  /// `output = act(gate) * up` over the first `rows` rows; gate and up stay for the backward pass.
  package func gated(
    _ gate: FloatMatrix, _ up: FloatMatrix, activation: GateActivation, rows: Int, into output: FloatMatrix
  ) {
    precondition(gate.columns == up.columns && output.columns == gate.columns)
    precondition(rows <= min(gate.rows, up.rows, output.rows))
    let kernel = activation == .silu ? kernels.silu_gate : kernels.relu2_gate
    forEachRow(rows) { row in
      output.pointer(row: row).update(from: gate.pointer(row: row), count: gate.columns)
      kernel?(output.pointer(row: row), up.pointer(row: row), gate.columns)
    }
  }

  /// The gradients by gate and up, which replace `gate` and `up`.
  package func gatedBackward(
    _ gate: FloatMatrix, _ up: FloatMatrix, activation: GateActivation, gradient: FloatMatrix, rows: Int
  ) {
    precondition(gate.columns == up.columns && gradient.columns == gate.columns)
    precondition(rows <= min(gate.rows, up.rows, gradient.rows))
    let kernel = activation == .silu ? kernels.silu_gate_backward : kernels.relu2_gate_backward
    forEachRow(rows) { row in
      kernel?(gate.pointer(row: row), up.pointer(row: row), gradient.pointer(row: row), gate.columns)
    }
  }

  /// `x + lambda (q - x)` for every row, where `q` is its int8 form by absmax: the activations that a partly quantized layer
  /// multiplies. `output` may be `input`.
  package func mixActivations(_ input: FloatMatrix, lambda: Float, rows: Int, into output: FloatMatrix) {
    precondition(output.columns == input.columns && rows <= min(input.rows, output.rows))
    forEachRow(rows) { kernels.mix_int8(input.pointer(row: $0), input.columns, lambda, output.pointer(row: $0)) }
  }

  /// `W + lambda (W_q - W)`, where `W_q` is the ternary form with the scale given.
  package func mixWeights(
    _ weights: FloatMatrix, scale: Float, lambda: Float, rows: Int, into output: FloatMatrix
  ) {
    precondition(output.columns == weights.columns && rows <= min(weights.rows, output.rows))
    forEachRow(rows) {
      kernels.mix_ternary(weights.pointer(row: $0), weights.columns, scale, lambda, output.pointer(row: $0))
    }
  }

  /// `target += bias` for each of the first `rows` rows; `bias` has one row.
  package func add(bias: FloatMatrix, to target: FloatMatrix, rows: Int) {
    precondition(bias.columns == target.columns && rows <= target.rows)
    forEachRow(rows) { kernels.add(target.pointer(row: $0), bias.base, target.columns) }
  }

  /// Overwrites the first `rows` rows with zeros, or all.
  package func zero(_ matrix: FloatMatrix, rows: Int? = nil) {
    forEachRow(rows ?? matrix.rows) { matrix.pointer(row: $0).update(repeating: 0, count: matrix.stride) }
  }

  /// `target = source` over the first `rows` rows.
  package func copy(_ source: FloatMatrix, rows: Int, to target: FloatMatrix) {
    precondition(source.columns == target.columns && rows <= min(source.rows, target.rows))
    forEachRow(rows) { target.pointer(row: $0).update(from: source.pointer(row: $0), count: source.columns) }
  }

  /// Row `i` of `target` becomes the row `rows[i]` of `source`.
  package func gather(_ rows: [Int], of source: FloatMatrix, into target: FloatMatrix) {
    precondition(source.columns == target.columns && rows.count <= target.rows)
    precondition(rows.allSatisfy { $0 >= 0 && $0 < source.rows }, "rows beyond \(source.rows)")
    forEachRow(rows.count) {
      target.pointer(row: $0).update(from: source.pointer(row: rows[$0]), count: source.columns)
    }
  }

  /// Adds row `i` of `source` to the row `rows[i]` of `target`, in order: the same row may occur several times.
  package func scatterAdd(_ source: FloatMatrix, to rows: [Int], of target: FloatMatrix) {
    precondition(source.columns == target.columns && rows.count <= source.rows)
    precondition(rows.allSatisfy { $0 >= 0 && $0 < target.rows }, "rows beyond \(target.rows)")
    for (index, row) in rows.enumerated() {
      kernels.add(target.pointer(row: row), source.pointer(row: index), source.columns)
    }
  }
}
