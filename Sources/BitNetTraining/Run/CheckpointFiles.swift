import BitNet
import Foundation
import Kernels
import ModelFormats
import TrainingKernels

/// The files of a checkpoint's folder that are the trainer's own.
enum CheckpointFiles {
  static let state = "trainer_state.json"
  static let optimizer = "optimizer.safetensors"
  static let weights = "model.safetensors"

  /// Writes matrices as tensors of these shapes.
  ///
  /// - Parameter type: F32, or a type that loses some of it.
  static func write(
    _ tensors: [(name: String, shape: [Int], matrix: FloatMatrix)], as type: TensorType = .f32, to path: String,
    on compute: Compute
  ) throws(FormatError) {
    let writer = try SafetensorsWriter(path: path, tensors: tensors.map { ($0.name, $0.shape, type) })
    for (index, tensor) in tensors.enumerated() {
      let matrix = tensor.matrix
      // Some rows at a time: the copy of a large embedding need not be whole.
      for first in stride(from: 0, to: matrix.rows, by: 1024) {
        let count = min(1024, matrix.rows - first)
        let bytes = compute.encode(rows: count, columns: matrix.columns, as: type) { row, target in
          _ = target.update(from: matrix[row: first + row])
        }
        try writer.append(bytes, to: index)
      }
    }
    try writer.finish()
  }

  /// Overwrites matrices with what ``write(_:as:to:on:)`` wrote of them as F32, to the bit.
  ///
  /// - Throws: ``RunError/damagedCheckpoint(path:problem:)`` if a tensor is missing or of another shape.
  static func read(_ matrices: [(name: String, matrix: FloatMatrix)], from path: String) throws {
    let tensors = Dictionary(
      try SafetensorsFile(path: path).tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    for (name, matrix) in matrices {
      guard let tensor = tensors[name] else {
        throw RunError.damagedCheckpoint(path: path, problem: "it has no tensor \(name)")
      }
      guard tensor.type == .f32, tensor.elementCount == matrix.rows * matrix.columns else {
        throw RunError.damagedCheckpoint(
          path: path,
          problem:
            "\(name) is \(tensor.shape) in \(tensor.type.rawValue), where [\(matrix.rows), \(matrix.columns)] in "
            + "F32 is needed")
      }
      matrix.overwrite(with: tensor.bytes)
    }
  }

  /// Writes a text.
  static func write(_ text: [UInt8], to path: String) throws(FormatError) {
    let file = try NewFile(path: path)
    try file.write(SharedBytes(copying: text), at: 0)
    try file.finish(count: text.count)
  }
}
