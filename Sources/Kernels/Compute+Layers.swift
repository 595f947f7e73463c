import CKernels

/// How the pairs of a head are laid out for rotary position embedding.
package enum RotaryLayout: Sendable {
  /// Pairs (i, i + d/2): Hugging Face's order, NEOX in llama.cpp.
  case halves
  /// Pairs (2i, 2i+1): the order of GGUF files of architecture `llama`, NORM in llama.cpp.
  case interleaved
}

/// The nonlinearity of the gated feed-forward network.
package enum GateActivation: Sendable {
  /// `z * sigmoid(z)`.
  case silu
  /// `max(0, z)^2`.
  case squaredReLU
}

extension Compute {
  /// RMSNorm of the first `rows` rows: `x / sqrt(mean(x^2) + epsilon) * weight`.
  package func rmsNorm(_ input: FloatMatrix, weight: FloatVector, epsilon: Float, rows: Int, into output: FloatMatrix) {
    precondition(weight.count == input.columns && output.columns == input.columns && rows <= output.rows)
    forEachRow(rows) { row in
      kernels.rms_norm(input.pointer(row: row), weight.pointer, input.columns, epsilon, output.pointer(row: row))
    }
  }

  /// RMSNorm of each head of the first `rows` rows in place, with one weight for all heads (Qwen3).
  package func rmsNormHeads(_ matrix: FloatMatrix, headSize: Int, weight: FloatVector, epsilon: Float, rows: Int) {
    precondition(weight.count == headSize && matrix.columns % headSize == 0 && rows <= matrix.rows)
    forEachRow(rows) { row in
      for head in 0..<matrix.columns / headSize {
        let pointer = matrix.pointer(row: row) + head * headSize
        kernels.rms_norm(pointer, weight.pointer, headSize, epsilon, pointer)
      }
    }
  }

  /// `target += other` over the first `rows` rows.
  package func add(_ other: FloatMatrix, to target: FloatMatrix, rows: Int) {
    precondition(other.columns == target.columns && rows <= target.rows && rows <= other.rows)
    forEachRow(rows) { kernels.add(target.pointer(row: $0), other.pointer(row: $0), target.columns) }
  }

  /// `target += bias` for each of the first `rows` rows.
  package func add(_ bias: FloatVector, to target: FloatMatrix, rows: Int) {
    precondition(bias.count == target.columns && rows <= target.rows)
    forEachRow(rows) { kernels.add(target.pointer(row: $0), bias.pointer, target.columns) }
  }

  /// `gate = act(gate) * up` over the first `rows` rows, `[rows, intermediate]`.
  package func gate(_ gate: FloatMatrix, with up: FloatMatrix, activation: GateActivation, rows: Int) {
    precondition(gate.columns == up.columns && rows <= gate.rows && rows <= up.rows)
    forEachRow(rows) { row in
      switch activation {
      case .silu: kernels.silu_gate(gate.pointer(row: row), up.pointer(row: row), gate.columns)
      case .squaredReLU: kernels.relu2_gate(gate.pointer(row: row), up.pointer(row: row), gate.columns)
      }
    }
  }

  /// One token is done on the spot; more are split between the threads.
  package func forEachRow(_ rows: Int, _ body: (Int) -> Void) {
    pool.forEach(count: rows, grain: max(4, pool.grain(for: rows))) { range in for row in range { body(row) } }
  }

  /// Rotary position embedding of every head of the first `rows` rows in place.
  ///
  /// - Parameters:
  ///   - cosines: `[rows, rotated / 2]`, the cosine of `position * frequency` for each pair; `sines` likewise.
  package func rotate(
    _ matrix: FloatMatrix, rows: Int, headSize: Int, cosines: FloatMatrix, sines: FloatMatrix, layout: RotaryLayout
  ) {
    let rotated = cosines.columns * 2
    precondition(rotated <= headSize && sines.columns == cosines.columns && matrix.columns % headSize == 0)
    precondition(rows <= cosines.rows && rows <= sines.rows && rows <= matrix.rows)
    forEachRow(rows) { row in
      for head in 0..<matrix.columns / headSize {
        ck_rotate(
          matrix.pointer(row: row) + head * headSize, cosines.pointer(row: row), sines.pointer(row: row), rotated,
          layout == .interleaved)
      }
    }
  }
}
