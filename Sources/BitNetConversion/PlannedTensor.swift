import BitNet
import Kernels

/// One tensor of the result: where it comes from, what it becomes, and why.
struct PlannedTensor: Sendable {
  /// What a tensor is made of.
  enum Content: Sendable {
    /// A norm, a bias, or another vector.
    case vector
    /// A vector that is computed.
    case values([Float])
    /// A linear layer as trits.
    case ternary(layer: Int, LinearRole)
    /// A matrix as numbers.
    case dense
    /// The scale of a packed ternary layer, known when that was written.
    case scale
  }

  /// The canonical name in the source.
  let source: String
  /// The name in the result.
  let name: String
  /// The shape of the matrix or vector, `[outputs, inputs]`.
  let shape: [Int]
  /// How it is stored.
  let type: TensorType
  let content: Content
  /// For every row of the result the row of the source; `nil` for the same order.
  var order: [Int]?
  /// What the source stores, for the report.
  let from: String
  /// Why the tensor is not what was asked for, or what happens to it.
  var reason: String?

  /// The shape in the file: packed bytes hold four rows each.
  var storedShape: [Int] {
    if case .ternary = content, type == .u8 { return [(shape[0] + 3) / 4, shape[1]] }
    return shape
  }

  /// The bytes in the file.
  var byteCount: Int {
    type.byteCount(rows: storedShape.dropLast().reduce(1, *), columns: storedShape.last ?? 1) ?? 0
  }

  /// The rows of the source in the order of the result.
  var rowOrder: [Int] { order ?? Array(0..<(shape.first ?? 1)) }
}

extension TensorType {
  /// Those that hold nothing but trits.
  static let ternary: Set<TensorType> = [.i2_s, .tq1_0, .tq2_0]
}
