import BitNetTraining
import Foundation
import Kernels
import ModelFormats
import TestSupport
import Testing

/// What Tests/Golden/make_training_golden.py wrote: losses and gradients of a twin of the trainer in PyTorch.
struct TrainingGolden: Decodable {
  struct Shape: Decodable {
    let vocab: Int
    let hidden: Int
    let inner: Int
    let layers: Int
    let heads: Int
    let kv: Int
    let head: Int
    let tied: Bool
    let subnorms: Bool
    let headnorms: Bool
    let biases: Bool
    let act: String
  }

  struct Gradients: Decodable {
    let name: String
    let shape: Shape
    let lam: Double
    let view: String
    let smoothing: Double
    let loss: Double
    let count: Int
  }

  struct Distillation: Decodable {
    let name: String
    let loss: Double
    let count: Int
  }

  struct Numbers: Decodable {
    let value: String
    let unit: Double
    let child: String
    let normals: [Double]
  }

  let random: Numbers
  let gradients: [Gradients]
  let distillation: [Distillation]
  let trainings: [String: [Double]]

  static func load() throws -> TrainingGolden {
    let data = try Data(contentsOf: URL(fileURLWithPath: TestFiles.goldenPath("training/golden.json")))
    return try JSONDecoder().decode(TrainingGolden.self, from: data)
  }

  /// The gradients of a case by the names of the parameters.
  static func tensors(_ name: String) throws -> [String: [Float]] {
    let file = try SafetensorsFile(path: TestFiles.goldenPath("training/\(name).safetensors"))
    return try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, try $0.floats()) })
  }
}

extension TrainingGolden.Shape {
  var shape: TrainingShape {
    var shape = TrainingShape(
      vocabularySize: vocab, hiddenSize: hidden, intermediateSize: inner, layerCount: layers, heads: heads, kvHeads: kv,
      headSize: head)
    shape.tiesEmbeddings = tied
    shape.hasSubNorms = subnorms
    shape.hasHeadNorms = headnorms
    shape.hasBiases = biases
    shape.activation = act == "silu" ? .silu : .squaredReLU
    return shape
  }
}

extension TrainableModel {
  /// The weights of `make_training_golden.py`.
  func fillLikeTwin(seed: UInt64) {
    let random = TrainingRandom(seed: seed)
    for (index, parameter) in parameters.enumerated() {
      let normals = random.child(.weights, index), values = parameter.values
      for row in 0..<values.rows {
        for column in 0..<values.columns {
          let normal = normals.normal(row * values.columns + column)
          values[row: row][column] =
            switch parameter.role {
            case .norm: Float(1 + 0.1 * normal)
            case .bias: Float(0.1 * normal)
            case .embedding, .head: Float(0.5 * normal)
            case .bitLinear, .linear: Float(0.25 * normal)
            }
        }
      }
    }
  }
}

/// The batch of `make_training_golden.py`.
func twinBatch() -> TokenBatch {
  let random = TrainingRandom(seed: 8)
  let documents = [[0..<9, 9..<20, 20..<21], [0..<17, 17..<21]]
  return TokenBatch(
    sequences: documents.indices.map { sequence in (0..<21).map { Int(random.value(sequence, $0) % 36) } },
    documents: documents)
}

/// The objective that a case of the golden file names.
func twinObjective(_ view: String, smoothing: Double) throws -> any Objective {
  switch view {
  case "causal": return ContinuePretrain(labelSmoothing: smoothing)
  case "diffusion": return BlockDiffusionObjective(BlockDiffusionView(maskToken: 36, blockSize: 4))
  case "diffusion-ratio":
    return BlockDiffusionObjective(
      BlockDiffusionView(maskToken: 36, blockSize: 8, maskProbability: 0.15, isComplementary: false))
  case "diffusion-causal":
    return BlockDiffusionObjective(
      BlockDiffusionView(maskToken: 36, blockSize: 4, maskProbability: 0.5, attention: .causal))
  default: throw UnknownView(name: view)
  }
}

private struct UnknownView: Error { let name: String }

/// The largest difference in a tensor by its largest element.
func relativeDifference(_ found: FloatMatrix, _ expected: [Float]) -> Double {
  let values = (0..<found.rows).flatMap { found.copy(row: $0) }
  guard values.count == expected.count else { return .infinity }
  let largest = expected.reduce(Float(1e-12)) { max($0, abs($1)) }
  return zip(values, expected).reduce(0) { max($0, Double(abs($1.0 - $1.1) / largest)) }
}
