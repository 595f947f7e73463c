import BitNet
import BitNetConversion
import BitNetDiagnostics
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// One thing that goes wrong with a checkpoint, planted into a copy of a good model, and the code that it must be called by
/// first.
struct PlantedFault: Sendable, CustomTestStringConvertible {
  var name: String
  var base: String
  var code: Finding.Code
  /// A part of the name of a tensor that the finding must name.
  var tensor: String?
  /// Whether the model is diagnosed beside the good one.
  var hasReference = false
  var plant: @Sendable (inout PlantedModel) throws -> Void = { _ in }
  /// What is done to the written folder; returns the path to diagnose.
  var finish: @Sendable (TemporaryFolder) throws -> String = { $0.path }

  var testDescription: String { name }

  static let bitnet = "trained/tiny-bitnet", packed = "trained/tiny-bitnet-packed", dense = "trained/tiny-dense"
  static let deep = "corpus/deep-ternary", qwen = "corpus/deep-dense", wide = "corpus/wide-ternary"

  /// Diagnoses a copy of the base with the faults of all of these.
  static func diagnose(_ faults: [PlantedFault]) throws -> Diagnosis {
    let first = try #require(faults.first)
    var model = try PlantedModel(first.base)
    for fault in faults { try fault.plant(&model) }
    let folder = try model.write()
    var path = folder.path
    for fault in faults { path = try fault.finish(folder) }
    let reference = first.hasReference ? try Checkpoint(path: TestFiles.goldenPath(first.base)) : nil
    return try Diagnosis(
      path: path, options: .init(prompts: ["The old house"], threads: 2, reference: reference))
  }

  /// Converts the folder to a GGUF file, which may be changed.
  static func gguf(
    _ folder: TemporaryFolder, _ type: WeightType,
    metadata: ([(key: String, value: GGUFNewValue)]) -> [(key: String, value: GGUFNewValue)] = { $0 },
    tensor: (Tensor) -> (type: TensorType, bytes: [UInt8])? = { _ in nil }
  ) throws -> String {
    let good = folder.path + "/good.gguf", changed = folder.path + "/model.gguf"
    var options = ConversionOptions()
    options.threads = 2
    options.weightType = type
    _ = try Conversion.run(Checkpoint(path: folder.path), to: good, options: options)
    let file = try GGUFFile(path: good)
    let tensors = file.tensors.map { entry in
      tensor(entry) ?? (entry.type, entry.bytes.array(0..<entry.bytes.count))
    }
    let writer = try GGUFWriter(
      path: changed,
      layout: GGUFLayout(
        metadata: metadata(file.metadata.map { ($0.key, .copied($0.value)) }),
        tensors: zip(file.tensors, tensors).map { ($0.name, $0.shape, $1.type) }, file: changed))
    for (index, entry) in tensors.enumerated() { try writer.append(SharedBytes(copying: entry.bytes), to: index) }
    try writer.finish()
    return changed
  }

  /// Cuts a file off.
  static func cut(_ path: String, to share: Double) throws {
    let data = try Data(contentsOf: URL(filePath: path))
    try data.prefix(Int(Double(data.count) * share)).write(to: URL(filePath: path))
  }
}
