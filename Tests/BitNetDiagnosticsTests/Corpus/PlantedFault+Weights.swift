import BitNetConversion
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// The row that is at `row` when the halves of a head of 16 are taken for neighbours.
private func halvesOfNeighbours(_ row: Int) -> Int {
  let element = row % 16
  return row - element + (element.isMultiple(of: 2) ? element / 2 : 8 + element / 2)
}

extension PlantedFault {
  /// Numbers that are damaged.
  static let damage: [PlantedFault] = [
    PlantedFault(
      name: "a weight that is not a number", base: dense, code: .damaged, tensor: "blk.1.ffn_up",
      plant: { try $0.edit(weight(1, "mlp.up_proj")) { $0[77] = .nan } }),
    PlantedFault(
      name: "an infinite gain", base: bitnet, code: .damaged, tensor: "blk.1.ffn_norm",
      plant: { try $0.edit(weight(1, "post_attention_layernorm")) { $0[3] = .infinity } }),
    PlantedFault(
      name: "a matrix of zeros", base: qwen, code: .damaged, tensor: "blk.2.attn_output",
      plant: { try $0.edit(weight(2, "self_attn.o_proj")) { $0 = $0.map { _ in 0 } } }),
    PlantedFault(
      name: "a block twice", base: deep, code: .duplicatedTensors, tensor: "blk.4.",
      plant: { model in
        for tensor in model.names where tensor.contains("layers.3.") {
          model[tensor.replacingOccurrences(of: "layers.3.", with: "layers.4.")] = model[tensor]
        }
      }),
    PlantedFault(
      name: "dead rows", base: dense, code: .deadRows, tensor: "blk.0.ffn_up",
      plant: { try $0.edit(weight(0, "mlp.up_proj")) { for index in 0..<64 * 12 { $0[index] = 0 } } }),
    PlantedFault(
      name: "a matrix of noise", base: dense, code: .noise, tensor: "blk.1.attn_q",
      plant: { try $0.edit(weight(1, "self_attn.q_proj")) { $0 = gaussian($0.count, deviation: 0.2, seed: 3) } }),
    PlantedFault(
      name: "rows of gate shuffled", base: deep, code: .scrambledTensor, tensor: "blk.2.ffn_gate",
      plant: { try $0.shuffle(weight(2, "mlp.gate_proj")) }),
    PlantedFault(
      name: "rows of up shuffled", base: bitnet, code: .scrambledTensor, tensor: "blk.1.ffn_up",
      plant: { try $0.shuffle(weight(1, "mlp.up_proj")) }),
    PlantedFault(
      name: "rows of q shuffled", base: bitnet, code: .harmfulBlock, tensor: "blk.1.attn_q",
      plant: { try $0.shuffle(weight(1, "self_attn.q_proj")) }),
    PlantedFault(
      name: "rows of down shuffled", base: qwen, code: .harmfulBlock, tensor: "blk.2.ffn_down",
      plant: { try $0.shuffle(weight(2, "mlp.down_proj")) }),
    PlantedFault(
      name: "q and k in the other rotary order", base: bitnet, code: .rotaryOrder,
      plant: { model in
        for layer in 0..<2 {
          for part in ["self_attn.q_proj", "self_attn.k_proj"] {
            try model.reorder(weight(layer, part), halvesOfNeighbours)
          }
        }
      }),
    PlantedFault(
      name: "packed q and k in the other rotary order", base: deep, code: .rotaryOrder,
      plant: { model in
        for layer in 0..<6 {
          for part in ["self_attn.q_proj", "self_attn.k_proj"] {
            try model.reorder(weight(layer, part), halvesOfNeighbours)
          }
        }
      }),
    PlantedFault(
      name: "quarters taken for neighbours", base: deep, code: .packingOrder,
      plant: { model in
        for matrix in model.packedMatrices {
          let rows = try #require(model[matrix]).shape[0] * 4
          try model.reorder(matrix) { $0 % 4 * (rows / 4) + $0 / 4 }
        }
      }),
    PlantedFault(
      name: "I2_S in blocks of 64", base: wide, code: .packingOrder,
      finish: { folder in
        try gguf(
          folder, .i2_s,
          tensor: { entry in
            guard entry.type == .i2_s else { return nil }
            var bytes = entry.bytes.array(0..<entry.bytes.count)
            for block in stride(from: 0, to: entry.elementCount / 4, by: 32) {
              var codes = Array(repeating: UInt8(1), count: 128)
              for element in 0..<128 {
                codes[element] = bytes[block + element % 32] >> UInt8(6 - 2 * (element / 32)) & 3
              }
              for byte in 0..<32 {
                let first = byte / 16 * 64 + byte % 16
                bytes[block + byte] = (0..<4).reduce(0) { $0 << 2 | codes[first + 16 * $1] }
              }
            }
            return (.i2_s, bytes)
          })
      }),
    PlantedFault(
      name: "norms reset", base: bitnet, code: .normsReset, tensor: "blk.1.attn_norm",
      plant: { try $0.edit(weight(1, "input_layernorm")) { $0 = $0.map { _ in 1 } } }),
  ]

  /// Trits and scales.
  static let trits: [PlantedFault] = [
    PlantedFault(
      name: "one scale four times too large", base: deep, code: .scaleOutlier, tensor: "blk.3.attn_output",
      plant: { try $0.edit(weight(3, "self_attn.o_proj") + "_scale") { $0[0] *= 4 } }),
    PlantedFault(
      name: "one scale inverted", base: wide, code: .scaleOutlier, tensor: "blk.1.attn_v",
      plant: { try $0.edit(weight(1, "self_attn.v_proj") + "_scale") { $0[0] = 1 / $0[0] } }),
    PlantedFault(
      name: "every scale inverted", base: deep, code: .scalesInverted,
      plant: { try $0.editScales { scale, _ in 1 / scale } }),
    PlantedFault(
      name: "divided instead of multiplied", base: wide, code: .scalesInverted,
      plant: { try $0.replace("\"autobitlinear\"", with: "\"bitlinear\"", in: "config.json") }),
    PlantedFault(name: "scales lost", base: deep, code: .scalesLost, plant: { try $0.editScales { _, _ in 1 } }),
    PlantedFault(name: "quantized twice", base: wide, code: .quantizedTwice, plant: { try $0.editScales { $0 * $1 } }),
    PlantedFault(
      name: "sign() of the weights", base: deep, code: .signQuantized,
      plant: { model in
        var random = SplitMix(seed: 4)
        for matrix in model.packedMatrices {
          try model.editTrits(matrix) { rows in
            rows = rows.map { $0.map { $0 == 0 ? (Bool.random(using: &random) ? 1 : -1) : $0 } }
          }
        }
      }),
    PlantedFault(
      name: "the largest magnitude as scale", base: deep, code: .absmaxQuantized,
      plant: { model in
        var random = SplitMix(seed: 5)
        for matrix in model.packedMatrices {
          try model.editTrits(matrix) { rows in
            rows = rows.map { $0.map { Int.random(in: 0..<5, using: &random) == 0 ? $0 : 0 } }
          }
        }
      }),
    PlantedFault(
      name: "-1 and +1 exchanged", base: deep, code: .negatedTrits,
      plant: { model in
        for matrix in model.packedMatrices { try model.editTrits(matrix) { $0 = $0.map { $0.map { -$0 } } } }
      }),
    PlantedFault(
      name: "one matrix left in floats", base: deep, code: .mixedStorage, tensor: "blk.5.ffn_down",
      plant: { model in
        try model.unpack(weight(5, "mlp.down_proj"))
        let noise = gaussian(64 * 192, deviation: 0.002, seed: 6)
        try model.edit(weight(5, "mlp.down_proj")) { $0 = zip($0, noise).map { $0 + $1 } }
      }),
  ]
}
