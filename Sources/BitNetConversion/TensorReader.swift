import BitNet
import Kernels
import ModelFormats

/// Reads the tensors of a plan from the source and encodes them, some rows at a time.
struct TensorReader {
  let plan: ConversionPlan
  let compute: Compute

  private var checkpoint: Checkpoint { plan.checkpoint }

  /// About so many bytes of floats are in hand at once.
  private static let chunkBytes = 32 << 20

  /// The trits of a linear layer in the order of the source.
  ///
  /// - Throws: ``ConversionError`` if the values are not what a look at some rows promised.
  func trits(_ planned: PlannedTensor, _ layer: Int, _ role: LinearRole) throws -> TernaryMatrix {
    switch try checkpoint.linear(layer, role, compute: compute) {
    case .ternary(let matrix): return try checked(matrix, planned)
    case .encoded(let matrix):
      let made = compute.ternarize(matrix)
      guard made.isFinite else {
        throw TensorReader.notNumbers(checkpoint.path, planned.source, "weights")
      }
      guard made.wasTernary || !TensorType.ternary.contains(matrix.type) else {
        throw ConversionError.mixedScales(
          file: checkpoint.path, tensor: planned.source, type: matrix.type.rawValue)
      }
      let mayBeMade = checkpoint.configuration.declaresBitLinear || plan.options.ternarizes
      guard made.wasTernary || mayBeMade else {
        throw ConversionError.notTernary(
          file: checkpoint.path, tensor: planned.source, found: "\(matrix.type.rawValue), ternary in some rows only",
          requested: "--type \(plan.options.weightType.rawValue)")
      }
      return try checked(made.matrix, planned)
    }
  }

  /// Refuses a scale that the type cannot hold.
  private func checked(_ matrix: TernaryMatrix, _ planned: PlannedTensor) throws -> TernaryMatrix {
    let scale = matrix.scale
    guard scale > 0, scale.isFinite else {
      throw ModelError.invalidTensor(
        file: checkpoint.path, tensor: planned.source, problem: "has the scale \(scale)",
        remedy: "A scale is a positive number: the conversion that made this file went wrong.")
    }
    let isHalf = [.f16, .tq1_0, .tq2_0, .q4_0, .q8_0].contains(planned.type)
    let held = roundedToHalf(planned.type == .q8_0 ? scale / 127 : scale) * (planned.type == .q8_0 ? 127 : 1)
    guard !isHalf || abs(held - scale) <= scale / 256 else {
      throw ConversionError.doesNotFit(
        file: checkpoint.path, tensor: planned.source, found: "the scale \(scale)", type: planned.type.rawValue,
        remedy:
          "Its scale is a half, from 6e-5 to 65504. Choose --type i2_s or f32; and make sure that the scale is not "
          + "inverted (a weight_scale that divides, taken as a factor).")
    }
    return matrix
  }

  /// Encodes a tensor piece by piece, in order.
  ///
  /// - Parameters:
  ///   - trits: those of a ternary one.
  ///   - scale: what a `scale` tensor holds.
  ///   - sink: takes the pieces.
  func encode(
    _ planned: PlannedTensor, trits: TernaryMatrix?, scale: Float, into sink: (SharedBytes) throws -> Void
  ) throws {
    switch planned.content {
    case .values(let values): try sink(bytes(values, planned.type))
    case .scale: try sink(bytes([scale], planned.type))
    case .vector:
      let tensor = try source(planned)
      let stored = try tensor.floats()
      let wrong = stored.count { !$0.isFinite }
      guard wrong == 0 else { throw TensorReader.notNumbers(tensor.file, tensor.name, "\(grouped(wrong)) values") }
      try sink(bytes(planned.order.map { $0.map { stored[$0] } } ?? stored, planned.type))
    case .ternary:
      guard let trits else { return }
      if planned.type == .u8 { return try sink(trits.quarters(rows: planned.rowOrder)) }
      try chunks(planned) { try sink(compute.encode(trits, rows: $0, as: planned.type)) }
      if planned.type == .i2_s { try sink(trits.trailer) }
    case .dense: try encodeDense(planned, into: sink)
    }
  }

  private func encodeDense(_ planned: PlannedTensor, into sink: (SharedBytes) throws -> Void) throws {
    let tensor = try source(planned)
    let rowBytes = tensor.bytes.count / max(1, tensor.rows)
    let matrix = EncodedMatrix(type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: tensor.bytes)
    var wrong = 0
    try chunks(planned) { rows in
      wrong += compute.nonFiniteCount(matrix, rows: rows)
      let run = rows.first.map { $0..<$0 + rows.count } ?? 0..<0
      if tensor.type == planned.type {
        if planned.order == nil {
          try sink(tensor.bytes[run.lowerBound * rowBytes..<run.upperBound * rowBytes])
        } else {
          for row in rows { try sink(tensor.bytes[row * rowBytes..<(row + 1) * rowBytes]) }
        }
      } else {
        let rows = Array(rows)
        let encoded = compute.encode(rows: rows.count, columns: tensor.columns, as: planned.type) { row, values in
          matrix.decode(row: rows[row], into: values)
        }
        if planned.type == .f16, wrong == 0, encoded.holdsNonFiniteHalves() {
          throw ConversionError.doesNotFit(
            file: tensor.file, tensor: tensor.name, found: "a value beyond 65504", type: "F16",
            remedy: "Choose bf16 or f32.")
        }
        try sink(encoded)
      }
      if planned.order == nil { tensor.bytes[run.lowerBound * rowBytes..<run.upperBound * rowBytes].release() }
    }
    guard wrong == 0 else { throw TensorReader.notNumbers(tensor.file, tensor.name, "\(grouped(wrong)) values") }
  }

  private static func notNumbers(_ file: String, _ tensor: String, _ what: String) -> ModelError {
    .invalidTensor(
      file: file, tensor: tensor, problem: "holds \(what) that are infinite or not a number",
      remedy: "The file is damaged, or its training diverged: `bitnet diagnose` lists the tensors.")
  }

  /// Calls `body` with the source's rows of every piece.
  private func chunks(_ planned: PlannedTensor, _ body: (ArraySlice<Int>) throws -> Void) throws {
    let order = planned.rowOrder
    let step = max(1, TensorReader.chunkBytes / (4 * max(1, planned.shape.last ?? 1)))
    for start in stride(from: 0, to: order.count, by: step) {
      try body(order[start..<min(start + step, order.count)])
    }
  }

  func source(_ planned: PlannedTensor) throws -> Tensor {
    guard let tensor = checkpoint.tensors[planned.source] else {
      throw ModelError.missingTensor(file: checkpoint.path, tensor: planned.source, hint: "The source is incomplete.")
    }
    return tensor
  }

  /// Gives back the memory that reading a tensor took.
  func release(_ planned: PlannedTensor) { checkpoint.tensors[planned.source]?.bytes.release() }

  private func bytes(_ values: [Float], _ type: TensorType) -> SharedBytes {
    compute.encode(rows: 1, columns: values.count, as: type) { _, row in
      for index in row.indices { row[index] = values[index] }
    }
  }
}
