import BitNet
import Kernels
import ModelFormats

extension Checkpoint {
  /// Orders in which packed weights are known to be written and read.
  func orderCandidates(_ compute: Compute) throws -> [RepairCandidate] {
    // Reordering takes the weights into memory: models of a size that is looked at for a second only.
    let weights = linearNames.reduce(0) { $0 + (tensors[$1]?.elementCount ?? 0) }
    guard weights <= 1 << 28 else { return [] }
    var candidates = [
      reordering("packed quarters for neighbours", compute) { rows in
        rows.count.isMultiple(of: 4) ? quarters(rows.count).map { rows[$0] } : nil
      },
      reordering("packed neighbours for quarters", compute) { rows in
        rows.count.isMultiple(of: 4) ? RotaryOrder.inverse(quarters(rows.count)).map { rows[$0] } : nil
      },
    ]
    guard linearNames.allSatisfy({ tensors[$0]?.type == .i2_s }) else { return candidates }
    candidates += [
      reordering("I2_S in blocks of 64, as ARM builds wrote it", compute) { rows in rows.map(blocksOf64) },
      reordering("I2_S with four rows interleaved", compute, interleavedRows),
    ]
    return candidates
  }

  /// - Parameter order: the rows as they should be, of the rows as they were read; `nil` leaves a matrix alone.
  private func reordering(
    _ change: String, _ compute: Compute, _ order: @escaping ([[Float]]) -> [[Float]]?
  ) -> RepairCandidate {
    RepairCandidate(
      code: .packingOrder, change: change,
      apply: { checkpoint in
        var changed: [String: Checkpoint.Replacement?] = [:]
        for layer in 0..<checkpoint.configuration.layerCount {
          for role in LinearRole.allCases {
            let rows = try checkpoint.rows(of: layer, role, compute: compute)
            guard let ordered = order(rows) else { continue }
            changed["blk.\(layer).\(role.rawValue).weight"] = Checkpoint.Replacement(
              shape: [rows.count, rows.first?.count ?? 0], floats: ordered.flatMap(\.self))
          }
        }
        return try checkpoint.replacing(changed)
      })
  }
}

/// For each row the one that holds it when quarters were taken for neighbours.
private func quarters(_ rows: Int) -> [Int] { (0..<rows).map { $0 % (rows / 4) * 4 + $0 / (rows / 4) } }

/// A row that was read in blocks of 128, whose 32 bytes hold elements 32 apart, as two blocks of 64, whose 16 bytes hold
/// elements 16 apart (bitnet.cpp's ARM builds of 2025).
private func blocksOf64(_ row: [Float]) -> [Float] {
  var result = row
  for (index, value) in row.enumerated() {
    let byte = index % 32, lane = index % 128 / 32
    result[index / 128 * 128 + byte / 16 * 64 + lane * 16 + byte % 16] = value
  }
  return result
}

/// Rows that were read in blocks of 128, as groups of four rows of which every byte holds one column (bitnet.cpp built
/// without ACT_PARALLEL).
private func interleavedRows(_ rows: [[Float]]) -> [[Float]]? {
  guard let columns = rows.first?.count, rows.count.isMultiple(of: 4), columns > 0 else { return nil }
  var result = rows
  for (row, values) in rows.enumerated() {
    for (column, value) in values.enumerated() {
      let index = row * columns + column
      let byte = index / 128 * 32 + index % 32, lane = index % 128 / 32
      result[byte / columns * 4 + lane][byte % columns] = value
    }
  }
  return result
}
