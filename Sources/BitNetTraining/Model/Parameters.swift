package import Kernels

/// One trainable tensor: 32-bit master weights and the gradient that accumulates beside them.
package final class Parameter {
  /// What the tensor is to the optimizer.
  package enum Role: String, Sendable {
    /// A linear layer that BitLinear ternarizes.
    case bitLinear
    /// A linear layer that stays dense.
    case linear
    /// The token embedding, and the head where it is tied.
    case embedding
    /// A head of its own.
    case head
    /// The gains of a norm, one row.
    case norm
    /// A bias, one row.
    case bias
  }

  /// The canonical name: `blk.0.attn_q.weight`.
  package let name: String
  /// What the tensor is.
  package let role: Role
  /// The master weights, `[outputs, inputs]`; `[1, n]` for gains and biases.
  package let values: FloatMatrix
  /// The gradient of the loss with respect to them, of the same shape. Made when it is first asked for: teachers need none.
  package private(set) lazy var gradient = FloatMatrix(rows: values.rows, columns: values.columns)

  package init(name: String, role: Role, rows: Int, columns: Int) {
    self.name = name
    self.role = role
    values = FloatMatrix(rows: rows, columns: columns)
  }
}
