import BitNet
import Foundation
import Kernels
import ModelFormats
import Tokenization

/// What a run is made of, built as its configuration says.
struct TrainingParts {
  let compute: Compute
  let tokenizer: Tokenizer
  /// The file or folder that the tokenizer came from.
  let tokenizerPath: String
  let model: TrainableModel
  let objectives: [any Objective]
  let optimizer: any Optimizer
  let schedule: Schedule
  let lambda: LambdaWarmup
  let curriculum: Curriculum
  let data: TrainingData
  /// The token of block diffusion's masks; `nil` where there is none.
  let maskToken: Int?
  /// The rate that the schedule's factor multiplies, for the logs: Muon's where there are two.
  let peakRate: Double

  init(_ configuration: TrainingConfiguration, threads: Int?, ranks: Int) throws {
    guard configuration.gradientAccumulationSteps.isMultiple(of: ranks) else {
      throw RunError.unevenShares(batches: configuration.gradientAccumulationSteps, ranks: ranks)
    }
    compute = try Compute(threads: threads)
    let source = try configuration.model.pretrained.map { try BitNet.Checkpoint(path: $0) }
    tokenizerPath = configuration.tokenizer ?? configuration.model.pretrained ?? ""
    let named = try configuration.tokenizer.map { try TrainingParts.tokenizer($0) }
    tokenizer = try named ?? source?.tokenizer() ?? Tokenizer(path: tokenizerPath)
    if let source {
      model = try TrainableModel(
        checkpoint: source, options: AdoptionOptions(configuration.autoConvert), compute: compute)
    } else {
      model = try TrainableModel(
        TrainingShape(configuration, vocabularySize: tokenizer.vocabularySize), seed: configuration.run.seed,
        compute: compute)
    }
    model.checkpointsGradients = configuration.gradientCheckpointing
    maskToken = try configuration.maskToken(in: tokenizer)
    objectives = try configuration.makeObjectives(
      maskToken: maskToken, student: model.configuration, compute: compute)
    optimizer = makeOptimizer(configuration.optimizer, parameters: model.parameters)
    schedule = Schedule(configuration.scheduler, steps: configuration.steps)
    lambda = LambdaWarmup(configuration.lambdaWarmup)
    curriculum = Curriculum(configuration)
    peakRate =
      configuration.optimizer.kind == .muon ? configuration.optimizer.muonRate : configuration.optimizer.adamRate
    data = try TrainingData(configuration, tokenizer: tokenizer)
  }

  /// - Parameter path: a folder, one of its files, or a GGUF file.
  private static func tokenizer(_ path: String) throws -> Tokenizer {
    guard path.hasSuffix(".gguf") else { return try Tokenizer(path: path) }
    guard let tokenizer = try BitNet.Checkpoint(path: path).tokenizer() else {
      throw RunError.noTokenizer(path: path)
    }
    return tokenizer
  }

  /// The tokenizer's files for a Hugging Face folder.
  func tokenizerFiles() throws -> [(name: String, text: [UInt8])] {
    if tokenizerPath.hasSuffix(".gguf") {
      return try tokenizer.huggingFaceFiles(gguf: GGUFFile(path: tokenizerPath)) ?? []
    }
    let isFile = [".json", ".model"].contains { tokenizerPath.hasSuffix($0) }
    let folder = isFile ? NewFile.split(tokenizerPath).folder : tokenizerPath
    return Tokenizer.huggingFaceFileNames.compactMap { name in
      FileManager.default.contents(atPath: "\(folder)/\(name)").map { (name, Array($0)) }
    }
  }

  /// What tells tokenizers apart: the SHA-256 of the files.
  var tokenizerDigest: String {
    var digest = SHA256()
    for file in (try? tokenizerFiles()) ?? [] where file.name.hasPrefix("tokenizer.") {
      digest.update(SharedBytes(copying: file.text))
    }
    return digest.hexadecimal()
  }
}

extension TrainingShape {
  /// A new model as a configuration describes it.
  ///
  /// - Precondition: the configuration has sizes, as those without a pretrained model do.
  init(_ configuration: TrainingConfiguration, vocabularySize: Int) {
    guard let sizes = configuration.model.sizes else { preconditionFailure("a configuration without sizes") }
    self.init(
      vocabularySize: vocabularySize, hiddenSize: sizes.hiddenSize, intermediateSize: sizes.intermediateSize,
      layerCount: sizes.layerCount, heads: sizes.heads, kvHeads: sizes.kvHeads, headSize: sizes.headSize)
    contextLength = configuration.model.maxPositions
    normEpsilon = Float(configuration.model.normEpsilon)
    ropeTheta = configuration.model.ropeTheta
    tiesEmbeddings = configuration.model.tiesEmbeddings
    activation = configuration.model.activation == .silu ? .silu : .squaredReLU
    hasSubNorms = configuration.model.hasSubNorms
  }
}

extension AdoptionOptions {
  init(_ configuration: TrainingConfiguration.AutoConvert) {
    self.init()
    convertsLinearLayers = configuration.isEnabled
    insertsSubNorms = configuration.isEnabled && configuration.insertsSubNorms
    excludedLayers = configuration.excludedLayers
  }
}
