package import Kernels
import ModelFormats

extension Checkpoint {
  /// The weights of a linear layer, with the factor of a `.scale` tensor applied (older conversions keep it apart from
  /// trits).
  ///
  /// - Parameter name: the canonical name without `.weight`.
  /// - Throws: ``ModelError`` as ``matrix(_:shape:compute:)`` does, and for a scale that makes no sense.
  package func linear(_ name: String, shape: [Int], compute: Compute) throws -> StoredMatrix {
    let matrix = try matrix(name + ".weight", shape: shape, compute: compute)
    guard let factor = try optionalVector(name + ".scale", count: 1)?.values[0], factor != 1 else { return matrix }
    guard factor.isFinite, factor != 0 else {
      throw ModelError.invalidTensor(
        file: path, tensor: name + ".scale", problem: "is \(factor)",
        remedy: "The file is damaged: convert or fetch it again.")
    }
    switch matrix {
    case .ternary(let trits): return .ternary(trits.scaled(by: factor))
    case .encoded(let numbers):
      let ternarization = compute.ternarize(numbers)
      guard ternarization.wasTernary, ternarization.isFinite else {
        throw ModelError.invalidTensor(
          file: path, tensor: name + ".scale",
          problem: "scales a weight that is not ternary", remedy: "The scale may be applied twice: convert again.")
      }
      return .ternary(ternarization.matrix.scaled(by: factor))
    }
  }

  /// Trits from a type that rounds their scale, under the exact one, which must agree with it.
  func ternary(_ encoded: EncodedMatrix, exactScale: Float, tensor: Tensor, compute: Compute) throws -> TernaryMatrix {
    let found = compute.ternarize(encoded)
    let isZero = found.matrix.counts(pool: compute.pool).zero == encoded.rows * encoded.columns
    // The coarsest rounding is that of bf16, 2^-9, and for tiny scales the spacing of subnormal halves times 127 in Q8_0.
    let tolerance = exactScale / 256 + 127 * 0x1p-25
    guard found.isFinite, found.wasTernary, isZero || abs(found.matrix.scale - exactScale) <= tolerance else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name,
        problem: found.wasTernary
          ? "has the scale \(found.matrix.scale), yet the metadata says \(exactScale)"
          : "is not ternary, yet the metadata says that it is",
        remedy: "The tensors were changed after \(ConversionKeys.ternaryScales) was written: convert again.")
    }
    // The trits have memory of their own now.
    tensor.bytes.release()
    return found.matrix.withScale(exactScale)
  }

  /// A tensor left out silently (a sub-norm under another name, say) turns the output into garbage.
  ///
  /// - Throws: ``ModelError/unusedTensors(file:tensors:)``.
  package func refuseUnusedTensors() throws {
    var known: Set = ["token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight"]
    let norms = ["attn_norm", "attn_q_norm", "attn_k_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm"]
    for layer in 0..<configuration.layerCount {
      for norm in norms { known.insert("blk.\(layer).\(norm).weight") }
      for role in LinearRole.allCases {
        for part in ["weight", "bias", "scale"] { known.insert("blk.\(layer).\(role.rawValue).\(part)") }
      }
    }
    let unused = tensors.keys.filter { !known.contains($0) }.sorted()
    guard unused.isEmpty else {
      throw ModelError.unusedTensors(file: path, tensors: unused.map { tensors[$0]?.name ?? $0 })
    }
  }
}

/// Metadata keys of GGUF files written here, beyond those that other runtimes know and ignore.
package enum ConversionKeys {
  /// The names of the ternary tensors, an array of strings.
  package static let ternaryTensors = "bitnet.ternary.tensors"
  /// Their exact scales, an array of f32 of the same length.
  package static let ternaryScales = "bitnet.ternary.scales"
  /// The text of a block-diffusion model's `dlm_config.json`.
  package static let blockDiffusion = "bitnet.dlm_config"
}
