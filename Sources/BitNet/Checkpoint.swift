package import Kernels
public import ModelFormats
public import Tokenization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An opened model file or folder: its configuration and its tensors under canonical names, before anything is
/// computed. What `Model` runs, what `diagnose` examines.
///
/// Canonical names are those of GGUF: `token_embd.weight`, `blk.0.attn_q.weight` …; Hugging Face's names are
/// translated.
public struct Checkpoint: Sendable {
  /// Where the tensors come from.
  public enum Source: Sendable {
    /// One GGUF file, or several parts of one.
    case gguf(GGUFFile)
    /// A Hugging Face folder.
    case huggingFace(HuggingFaceFolder)
    /// Random weights in memory.
    case synthetic
  }

  /// The path that was opened.
  public let path: String
  /// The file or folder behind the tensors.
  public let source: Source
  /// The shape of the model.
  public let configuration: ModelConfiguration

  /// The tensors by canonical name.
  package let tensors: [String: Tensor]
  /// For Hugging Face's packed weights, what the unpacked -1, 0, +1 are multiplied by, by canonical name.
  package let packedScales: [String: Float]
  /// The exact scales of ternary weights, by canonical name, where a GGUF file written here says them: its tensor types
  /// round them to halves. Its other linear weights are dense.
  package let ternaryScales: [String: Float]

  /// Opens a `.gguf` file or a Hugging Face folder; the weights stay in the mapped file.
  ///
  /// - Throws: `FormatError` for a damaged file, ``ModelError`` for a model that is not supported.
  public init(path: String) throws {
    var isFolder = false
    #if canImport(FoundationEssentials)
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    #else
    var flag = ObjCBool(false)
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &flag)
    isFolder = flag.boolValue
    #endif
    guard exists else { throw ModelError.notAModel(path: path, found: "there is no such file or folder") }
    if isFolder {
      try self.init(path: path, folder: HuggingFaceFolder(path: path))
    } else if path.hasSuffix(".safetensors") || path.hasSuffix("/config.json") {
      throw ModelError.notAModel(path: path, found: "one file of a Hugging Face folder; name the folder itself")
    } else {
      try self.init(path: path, gguf: GGUFFile(path: path))
    }
  }

  init(
    path: String, source: Source, configuration: ModelConfiguration, tensors: [String: Tensor],
    packedScales: [String: Float], ternaryScales: [String: Float] = [:]
  ) {
    self.path = path
    self.source = source
    self.configuration = configuration
    self.tensors = tensors
    self.packedScales = packedScales
    self.ternaryScales = ternaryScales
  }

  /// A model whose tensors are in memory, under canonical names.
  package init(path: String, configuration: ModelConfiguration, tensors: [Tensor]) {
    self.init(
      path: path, source: .synthetic, configuration: configuration,
      tensors: Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }), packedScales: [:])
  }

  /// The tokenizer beside or inside the weights; `nil` when the model comes without one.
  ///
  /// - Throws: `TokenizationError` when there is one that cannot be used.
  public func tokenizer() throws -> Tokenizer? {
    switch source {
    case .synthetic: nil
    // "no_vocab" is how a file says so to other runtimes.
    case .gguf(let file):
      [nil, "no_vocab", "none"].contains(try file.string("tokenizer.ggml.model")) ? nil : try Tokenizer(gguf: file)
    case .huggingFace(let folder): try tokenizer(of: folder)
    }
  }

  private func tokenizer(of folder: HuggingFaceFolder) throws -> Tokenizer? {
    guard try ["tokenizer.json", "tokenizer.model"].contains(where: exists) else { return nil }
    var tokenizer = try Tokenizer(path: folder.path)
    // As transformers does: config.json decides where generation_config.json is silent.
    if folder.generationConfig?.eosTokenIDs.isEmpty ?? true {
      let known = 0..<tokenizer.vocabularySize
      tokenizer.endOfGeneration.formUnion(folder.config.eosTokenIDs.filter(known.contains))
    }
    return tokenizer
  }

  /// What the trainer left in or beside the weights; `nil` if there is nothing.
  ///
  /// - Throws: `FormatError` for a damaged `trainer_state.json`.
  public func trainerState() throws -> TrainerState? {
    if case .gguf(let file) = source, let text = try file.string(ConversionKeys.trainerState) {
      return try TrainerState(text: text, file: file.name)
    }
    return try exists("trainer_state.json") ? try TrainerState(path: neighbour("trainer_state.json")) : nil
  }

  /// What a block-diffusion trainer left beside the weights; `nil` if there is nothing.
  ///
  /// - Throws: `FormatError` for a damaged `dlm_config.json`.
  public func blockDiffusionConfig() throws -> BlockDiffusionConfig? {
    if case .gguf(let file) = source, let text = try file.string(ConversionKeys.blockDiffusion) {
      return try BlockDiffusionConfig(text: text, file: file.name)
    }
    return try exists("dlm_config.json") ? try BlockDiffusionConfig(path: neighbour("dlm_config.json")) : nil
  }

  /// The path of a file in the model's folder, which for a GGUF file is the one that it lies in.
  private func neighbour(_ name: String) -> String {
    let url = URL(filePath: path)
    let folder = if case .huggingFace = source { url } else { url.deletingLastPathComponent() }
    return folder.appending(path: name).path
  }

  private func exists(_ name: String) throws(FormatError) -> Bool { try isPresent(neighbour(name)) }

  /// Whether a file is one that the model is read from, or a folder that holds such: writing there would destroy it.
  package func isMade(of path: String) -> Bool {
    func real(_ path: String) -> String { URL(filePath: path).standardizedFileURL.resolvingSymlinksInPath().path }
    let target = real(path)
    let sources = Set(tensors.values.map(\.file) + [self.path]).map(real)
    return sources.contains { $0 == target || $0.hasPrefix(target + "/") }
  }

  /// The linear layers of the blocks by canonical name, block by block, with their shapes `[outputs, inputs]`.
  package var linearNames: [String] {
    (0..<configuration.layerCount).flatMap { layer in
      LinearRole.allCases.map { "blk.\(layer).\($0.rawValue).weight" }
    }
  }
}

/// The seven matrices of a transformer block, by their canonical names.
package enum LinearRole: String, CaseIterable, Sendable {
  case query = "attn_q"
  case key = "attn_k"
  case value = "attn_v"
  case output = "attn_output"
  case gate = "ffn_gate"
  case up = "ffn_up"
  case down = "ffn_down"

  /// `[outputs, inputs]`.
  package func shape(in configuration: ModelConfiguration) -> [Int] {
    let hidden = configuration.hiddenSize, inner = configuration.intermediateSize
    let query = configuration.heads * configuration.headSize, kv = configuration.kvHeads * configuration.headSize
    return switch self {
    case .query: [query, hidden]
    case .key, .value: [kv, hidden]
    case .output: [hidden, query]
    case .gate, .up: [inner, hidden]
    case .down: [hidden, inner]
    }
  }
}

/// A weight matrix as a file holds it.
package enum StoredMatrix: Sendable {
  /// Numbers, or blocks of scaled numbers.
  case encoded(EncodedMatrix)
  /// Trits with one scale: I2_S, or Hugging Face's packed bytes.
  case ternary(TernaryMatrix)

  /// `[outputs, inputs]`.
  package var shape: [Int] {
    switch self {
    case .encoded(let matrix): [matrix.rows, matrix.columns]
    case .ternary(let matrix): [matrix.rows, matrix.columns]
    }
  }

  /// The weights of one output as floats, `[inputs]`.
  package func floats(row: Int) -> [Float] {
    switch self {
    case .encoded(let matrix): matrix.floats(row: row)
    case .ternary(let matrix): matrix.floats(row: row)
    }
  }
}

extension Checkpoint {
  /// A matrix by canonical name, with its shape checked against the configuration.
  ///
  /// - Throws: ``ModelError/missingTensor(file:tensor:hint:)`` or ``ModelError/wrongShape(file:tensor:found:expected:)``.
  package func matrix(_ name: String, shape expected: [Int], compute: Compute) throws -> StoredMatrix {
    let tensor = try requiredTensor(name)
    if let scale = packedScales[name] {
      return try unpack(tensor, shape: expected, scale: scale, compute: compute)
    }
    guard tensor.type.isFloatingPoint else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name, problem: "is stored as \(tensor.type.rawValue) without a scale",
        remedy: "Packed ternary weights need their weight_scale tensor and a quantization_config in config.json.")
    }
    guard tensor.shape == expected else {
      throw ModelError.wrongShape(file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: expected)
    }
    if tensor.type == .i2_s { try checkTrits(tensor) }
    if tensor.type == .i2_s, expected[1].isMultiple(of: 128) {
      let scale = tensor.bytes.float(at: expected[0] * expected[1] / 4)
      return .ternary(TernaryMatrix(rows: expected[0], columns: expected[1], packed: tensor.bytes, scale: scale))
    }
    let encoded = EncodedMatrix(type: tensor.type, rows: expected[0], columns: expected[1], bytes: tensor.bytes)
    guard let scale = ternaryScales[name] else { return .encoded(encoded) }
    return .ternary(try ternary(encoded, exactScale: scale, tensor: tensor, compute: compute))
  }

  /// Kernels take the code 3 for different values, each as good as any.
  private func checkTrits(_ tensor: Tensor) throws {
    let codeBytes = tensor.bytes.count - tensor.type.trailerBytes
    let scale = tensor.bytes.float(at: codeBytes)
    let hasInvalidTrits = tensor.bytes.holdsInvalidTrits(inFirst: codeBytes)
    guard scale.isFinite, !hasInvalidTrits else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name,
        problem: hasInvalidTrits ? "has the code 3, which stands for no ternary value" : "has the scale \(scale)",
        remedy: "The file is damaged: convert or fetch it again.")
    }
  }

  /// A vector by canonical name, `[count]`.
  package func vector(_ name: String, count: Int) throws -> FloatVector {
    let tensor = try requiredTensor(name)
    guard tensor.elementCount == count else {
      throw ModelError.wrongShape(file: tensor.file, tensor: tensor.name, found: tensor.shape, expected: [count])
    }
    guard tensor.type.isFloatingPoint else {
      throw ModelError.invalidTensor(
        file: tensor.file, tensor: tensor.name,
        problem: "is stored as \(tensor.type.rawValue), integers without a scale",
        remedy: "The conversion went wrong: norms, biases and scales are floats.")
    }
    return FloatVector(try tensor.floats())
  }

  /// A vector that may be absent.
  package func optionalVector(_ name: String, count: Int) throws -> FloatVector? {
    tensors[name] == nil ? nil : try vector(name, count: count)
  }

  private func requiredTensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw ModelError.missingTensor(
        file: path, tensor: name,
        hint: "The architecture '\(configuration.architecture)' needs it; the file is incomplete or mislabelled.")
    }
    return tensor
  }
}

extension TensorType {
  /// Whether the elements stand for real numbers by themselves, as weights do.
  package var isFloatingPoint: Bool {
    switch self {
    case .i8, .i16, .i32, .i64, .u8: false
    default: true
    }
  }
}
