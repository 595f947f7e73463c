import Kernels

/// Matrices that are written again for every layer and every pass, made when they are first needed.
final class ScratchMemory {
  /// What a matrix is for: those in use at the same time must differ.
  enum Use: Hashable {
    case normalized, delta, gated, innerNormalized, mixed, weights, recomputed
    case inputGradient, innerGradient, queryGradient, keyGradient, valueGradient, rawQueryGradient, rawKeyGradient
    case headRows, headNormalized, headInputGradient, headRowGradient, logits, logitGradient, streamGradient
    case stream(Int)
  }

  private struct Key: Hashable {
    let use: Use
    let columns: Int
  }

  private var matrices: [Key: FloatMatrix] = [:]
  private var quantized: [Int: QuantizedRows] = [:]

  /// A matrix with at least so many rows, whose contents are whatever its last user left.
  func matrix(_ use: Use, rows: Int, columns: Int) -> FloatMatrix {
    let key = Key(use: use, columns: columns)
    if let known = matrices[key], known.rows >= rows { return known }
    // The old one goes first.
    matrices[key] = nil
    let made = FloatMatrix(rows: rows, columns: columns)
    matrices[key] = made
    return made
  }

  /// Room for quantized activations.
  func quantizedRows(rows: Int, columns: Int) -> QuantizedRows {
    if let known = quantized[columns], known.capacity >= rows { return known }
    let made = QuantizedRows(capacity: rows, columns: columns)
    quantized[columns] = made
    return made
  }
}

/// What the backward pass of one block needs of its forward pass.
final class LayerActivations {
  let rows: Int
  /// Queries and keys before the norms of their heads, where there are such.
  let rawQueries: FloatMatrix?
  let rawKeys: FloatMatrix?
  /// Rotated.
  let queries: FloatMatrix
  let keys: FloatMatrix
  let values: FloatMatrix
  /// What attention gives, before its norm.
  let attended: FloatMatrix
  /// The residual stream between attention and feed-forward network.
  let middle: FloatMatrix
  /// Gate and up before the nonlinearity; the backward pass replaces them by their gradients.
  let gate: FloatMatrix
  let up: FloatMatrix

  init(rows: Int, shape: ActivationShape) {
    func matrix(_ columns: Int) -> FloatMatrix { FloatMatrix(rows: rows, columns: columns) }
    self.rows = rows
    rawQueries = shape.hasHeadNorms ? matrix(shape.queries) : nil
    rawKeys = shape.hasHeadNorms ? matrix(shape.keys) : nil
    queries = matrix(shape.queries)
    keys = matrix(shape.keys)
    values = matrix(shape.keys)
    attended = matrix(shape.queries)
    middle = matrix(shape.hidden)
    gate = matrix(shape.inner)
    up = matrix(shape.inner)
  }
}

/// The widths of what a block keeps.
struct ActivationShape {
  let hidden: Int
  let inner: Int
  let queries: Int
  let keys: Int
  let hasHeadNorms: Bool
}
