import BitNet
import Kernels
import ModelFormats

/// How a source holds a linear layer, as far as a look at a few rows tells.
struct LinearStorage {
  /// What to call it.
  let label: String
  /// The type of its numbers; `nil` for packed bytes.
  let type: TensorType?
  /// Whether the file says that these are trits, with one scale.
  let isTrits: Bool
  /// Whether its values are -s, 0, +s.
  let isTernary: Bool
  /// Whether it has more magnitudes than one, whatever its type promises.
  let hasSeveralScales: Bool

  init(_ checkpoint: Checkpoint, _ base: String, shape: [Int]) throws {
    let name = base + ".weight"
    guard let tensor = checkpoint.tensors[name] else {
      throw ModelError.missingTensor(
        file: checkpoint.path, tensor: name,
        hint: "The architecture '\(checkpoint.configuration.architecture)' needs it; the source is incomplete.")
    }
    if checkpoint.packedScales[name] != nil {
      (label, type, isTrits, isTernary, hasSeveralScales) = ("packed U8", nil, true, true, false)
      return
    }
    guard tensor.type.isFloatingPoint else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name, problem: "is stored as \(tensor.type.rawValue) without a scale",
        remedy: "Packed ternary weights need their weight_scale tensor and a quantization_config in config.json.")
    }
    guard tensor.shape == shape else {
      throw ModelError.wrongShape(file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: shape)
    }
    let magnitudes = try LinearStorage.magnitudes(tensor)
    isTrits = checkpoint.ternaryScales[name] != nil || tensor.type == .i2_s
    hasSeveralScales = !isTrits && magnitudes.count > 1
    // A matrix of zeros says nothing: where nobody speaks of a BitNet it is a dense layer that adds nothing (LLaMA-Pro).
    let mayBeTernary =
      !magnitudes.isEmpty || isTrits || TensorType.ternary.contains(tensor.type)
      || checkpoint.configuration.declaresBitLinear
    isTernary = !hasSeveralScales && mayBeTernary
    type = tensor.type
    label = tensor.type.rawValue + (isTernary && !TensorType.ternary.contains(tensor.type) ? ", ternary values" : "")
  }

  /// The different magnitudes but 0 in some rows, at most two.
  private static func magnitudes(_ tensor: Tensor) throws -> Set<Float> {
    var found: Set<Float> = []
    for row in Set([0, tensor.rows / 3, tensor.rows / 2, tensor.rows - 1]) {
      for value in try tensor.floats(rows: row..<row + 1) where value != 0 {
        found.insert(abs(value))
        if found.count > 1 { return found }
      }
    }
    return found
  }
}

extension Checkpoint {
  /// Whether every linear layer holds -s, 0, +s: a BitNet, though nothing says so.
  func holdsTernaryLayersOnly() throws -> Bool {
    for layer in 0..<configuration.layerCount {
      for role in LinearRole.allCases {
        let shape = role.shape(in: configuration)
        guard try LinearStorage(self, "blk.\(layer).\(role.rawValue)", shape: shape).isTernary else { return false }
      }
    }
    return true
  }
}
