import BitNet
import Kernels
import ModelFormats

/// A tensor as the arithmetic uses it: trits where the mode or the file says so, and the rows of queries and keys in
/// Hugging Face's order whatever the file's.
struct ComparedMatrix: Sendable {
  /// `[outputs, inputs]`; a vector has one column.
  let rows: Int
  let columns: Int
  /// The shape in the file.
  let shape: [Int]
  /// How the file stores it.
  let storage: TensorType
  /// The trits in use.
  let ternary: TernaryMatrix?
  /// Whether these trits were made here, from weights that are not ternary in the file.
  let wasTernarized: Bool
  private let stored: StoredMatrix
  /// The stored row of each row, where they are in another order.
  private let order: [Int]?

  /// One row as floats, `[columns]`.
  func floats(row: Int) -> [Float] { stored.floats(row: order?[row] ?? row) }

  /// One row of trits, `[columns]`; empty where there are none.
  func trits(row: Int) -> [Int8] { ternary?.values(row: order?[row] ?? row) ?? [] }

  /// One row with the trits in use as numbers, or the stored floats.
  func values(row: Int, asTrits: Bool) -> [Float] { asTrits ? trits(row: row).map(Float.init) : floats(row: row) }
}

extension ComparedMatrix {
  /// The tensor of a canonical name; `nil` if the file has none.
  ///
  /// - Throws: `ModelError` for contents that cannot be used.
  init?(_ name: String, of checkpoint: Checkpoint, mode: QuantizationMode, compute: Compute) throws {
    guard let tensor = checkpoint.tensors[name] else { return nil }
    let configuration = checkpoint.configuration
    let parts = name.split(separator: ".")
    let role = parts.count == 4 && parts[0] == "blk" ? LinearRole(rawValue: String(parts[2])) : nil
    storage = tensor.type
    if let role, parts[3] == "weight", let layer = Int(parts[1]) {
      (stored, shape) = try ComparedMatrix.linear(tensor, layer, role, checkpoint, compute)
    } else {
      guard tensor.type.isFloatingPoint else { return nil }
      shape = tensor.shape
      // The elements of a vector belong to outputs, as the rows of a matrix do.
      let isVector = shape.count == 1 && tensor.type.isPlain
      stored = .encoded(
        EncodedMatrix(
          type: tensor.type, rows: isVector ? tensor.columns : tensor.rows, columns: isVector ? 1 : tensor.columns,
          bytes: tensor.bytes))
    }
    rows = stored.shape[0]
    columns = stored.shape[1]
    let rotated = role == .query ? configuration.heads : role == .key ? configuration.kvHeads : 0
    let isRotated = rotated > 0 && configuration.ropeLayout == .interleaved && rows == rotated * configuration.headSize
    order = isRotated ? RotaryOrder(configuration, heads: rotated).neighboursOfHalves : nil
    switch stored {
    case .ternary(let matrix):
      ternary = matrix
      wasTernarized = false
    case .encoded(let matrix) where role != nil && parts[3] == "weight":
      let ternarization = compute.ternarize(matrix)
      let quantizes = mode != .none && !checkpoint.isExcludedFromQuantization(name)
      ternary = ternarization.isFinite && (ternarization.wasTernary || quantizes) ? ternarization.matrix : nil
      wasTernarized = !ternarization.wasTernary
    case .encoded:
      ternary = nil
      wasTernarized = false
    }
  }

  /// A tensor of another shape than the configuration's is taken as it lies in the file.
  private static func linear(
    _ tensor: Tensor, _ layer: Int, _ role: LinearRole, _ checkpoint: Checkpoint, _ compute: Compute
  ) throws -> (StoredMatrix, [Int]) {
    do {
      let matrix = try checkpoint.linear(layer, role, compute: compute)
      return (matrix, matrix.shape)
    } catch ModelError.wrongShape where tensor.type.isFloatingPoint {
      let matrix = EncodedMatrix(type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: tensor.bytes)
      return (.encoded(matrix), tensor.shape)
    }
  }
}

/// The two orders of the rows that rotary position embedding pairs, for all heads of a matrix.
struct RotaryOrder {
  /// For each row in the order of halves, the row that holds it in the order of neighbours.
  let neighboursOfHalves: [Int]

  init(_ configuration: ModelConfiguration, heads: Int) {
    let size = configuration.headSize, half = configuration.rotatedSize / 2
    neighboursOfHalves = (0..<heads * size).map { row in
      let element = row % size
      guard element < 2 * half else { return row }
      return row - element + (element < half ? 2 * element : 2 * (element - half) + 1)
    }
  }

  /// The inverse of an order.
  static func inverse(_ order: [Int]) -> [Int] {
    var result = Array(repeating: 0, count: order.count)
    for (row, source) in order.enumerated() { result[source] = row }
    return result
  }
}
