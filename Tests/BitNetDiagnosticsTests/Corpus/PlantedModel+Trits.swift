import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// Hugging Face's name of a matrix or norm.
func weight(_ layer: Int, _ part: String) -> String { "model.layers.\(layer).\(part).weight" }

extension PlantedModel {
  /// The linear matrices.
  var matrices: [String] { names.filter { $0.hasSuffix("_proj.weight") } }

  /// Those of them that are packed.
  var packedMatrices: [String] { matrices.filter { self[$0]?.type == .u8 } }

  /// The trits of a packed matrix, `[outputs][inputs]`: two-bit lane `i` of packed row `j` is row `i * packed + j`.
  func trits(_ name: String) throws -> [[Int8]] {
    let weights = try #require(self[name])
    let packed = weights.shape[0], columns = weights.shape[1]
    return (0..<4 * packed).map { row in
      (0..<columns).map { Int8(weights.bytes[row % packed * columns + $0] >> (2 * UInt8(row / packed)) & 3) - 1 }
    }
  }

  /// Packs trits again.
  mutating func setTrits(_ name: String, _ rows: [[Int8]]) throws {
    var weights = try #require(self[name])
    let packed = rows.count / 4, columns = rows[0].count
    weights.bytes = (0..<packed * columns).map { index in
      (0..<4).reduce(0) { byte, lane in
        byte | UInt8(rows[lane * packed + index / columns][index % columns] + 1) << (2 * UInt8(lane))
      }
    }
    self[name] = weights
  }

  /// Changes the trits of a packed matrix.
  mutating func editTrits(_ name: String, _ change: (inout [[Int8]]) -> Void) throws {
    var rows = try trits(name)
    change(&rows)
    try setTrits(name, rows)
  }

  /// Changes the scales of all packed matrices, given the share of their trits that are not zero.
  mutating func editScales(_ change: (_ scale: Float, _ share: Float) -> Float) throws {
    for name in packedMatrices {
      let rows = try trits(name)
      let share = Float(rows.reduce(0) { $0 + $1.count { $0 != 0 } }) / Float(rows.count * rows[0].count)
      try edit(name + "_scale") { $0[0] = change($0[0], share) }
    }
  }

  /// Makes a float matrix ternary by absmean and packs it.
  mutating func pack(_ name: String) throws {
    let weights = try #require(self[name])
    let floats = weights.floats, columns = weights.shape[1]
    let scale = floats.reduce(0) { $0 + abs($1) } / Float(floats.count)
    let rows = (0..<weights.shape[0]).map { row in
      floats[row * columns..<(row + 1) * columns].map {
        Int8(max(-1, min(1, ($0 / scale).rounded(.toNearestOrEven))))
      }
    }
    self[name]?.shape = [weights.shape[0] / 4, columns]
    self[name]?.type = .u8
    self[name]?.bytes = []
    try setTrits(name, rows)
    add(name + "_scale", Weights(shape: [1], type: .f32, bytes: [scale].littleEndianBytes))
  }

  /// Makes a packed matrix floats.
  mutating func unpack(_ name: String) throws {
    let rows = try trits(name), scale = try #require(self[name + "_scale"]).floats[0]
    self[name + "_scale"] = nil
    self[name]?.shape = [rows.count, rows[0].count]
    self[name]?.type = .f32
    self[name]?.floats = rows.flatMap { $0.map { Float($0) * scale } }
  }

  /// Puts the rows of a matrix of either kind into an order.
  mutating func reorder(_ name: String, _ order: (Int) -> Int) throws {
    guard try #require(self[name]).type == .u8 else { return try reorderRows(name, order) }
    try editTrits(name) { rows in rows = rows.indices.map { [rows] in rows[order($0)] } }
  }

  /// Shuffles the rows of a matrix.
  mutating func shuffle(_ name: String, seed: UInt64 = 1) throws {
    let weights = try #require(self[name])
    var random = SplitMix(seed: seed)
    let order = Array(0..<weights.shape[0] * (weights.type == .u8 ? 4 : 1)).shuffled(using: &random)
    try reorder(name) { order[$0] }
  }
}

/// Numbers of a normal distribution (Box and Muller).
func gaussian(_ count: Int, deviation: Float, seed: UInt64) -> [Float] {
  var random = SplitMix(seed: seed)
  return (0..<count).map { _ in
    let u = Double.random(in: 1e-12..<1, using: &random), v = Double.random(in: 0..<1, using: &random)
    return deviation * Float((-2 * log(u)).squareRoot() * cos(2 * Double.pi * v))
  }
}
