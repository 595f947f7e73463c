import Kernels
import ModelFormats

extension Checkpoint {
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
}

/// Metadata keys of GGUF files written here, beyond those that other runtimes know and ignore.
package enum ConversionKeys {
  /// The names of the ternary tensors, an array of strings.
  package static let ternaryTensors = "bitnet.ternary.tensors"
  /// Their exact scales, an array of f32 of the same length.
  package static let ternaryScales = "bitnet.ternary.scales"
  /// The text of a block-diffusion model's `dlm_config.json`.
  package static let blockDiffusion = "bitnet.dlm_config"
  /// How far the model was trained: the text of a `trainer_state.json` without its history.
  package static let trainerState = "bitnet.trainer_state"
}
