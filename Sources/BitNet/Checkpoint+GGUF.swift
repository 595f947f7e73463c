import Kernels
import ModelFormats

/// How GGUF architectures differ in what the transformer computes.
private struct GGUFArchitecture {
  let layout: RotaryLayout
  let activation: GateActivation
  let isBitNet: Bool

  static let all: [String: GGUFArchitecture] = [
    // The converter permutes the rows of q and k for this one, so that its pairs are neighbours.
    "llama": .init(layout: .interleaved, activation: .silu, isBitNet: false),
    "bitnet": .init(layout: .halves, activation: .silu, isBitNet: true),
    "bitnet-b1.58": .init(layout: .halves, activation: .squaredReLU, isBitNet: true),
    "bitnet-25": .init(layout: .halves, activation: .squaredReLU, isBitNet: true),
    "qwen2": .init(layout: .halves, activation: .silu, isBitNet: false),
    "qwen3": .init(layout: .halves, activation: .silu, isBitNet: false),
  ]
}

extension Checkpoint {
  init(path: String, gguf file: GGUFFile) throws {
    let tensors = Dictionary(file.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let scales = try Checkpoint.ternaryScales(of: file, tensors: tensors)
    let configuration = try ModelConfiguration(gguf: file, tensors: tensors, saysTernary: !scales.isEmpty)
    self.init(
      path: path, source: .gguf(file), configuration: configuration, tensors: tensors, packedScales: [:],
      ternaryScales: scales)
  }

  private static func ternaryScales(of file: GGUFFile, tensors: [String: Tensor]) throws -> [String: Float] {
    guard let names = try file.strings(ConversionKeys.ternaryTensors) else { return [:] }
    let scales = try file.required(ConversionKeys.ternaryScales, file.floats(ConversionKeys.ternaryScales))
    guard scales.count == names.count else {
      throw ModelError.invalidConfiguration(
        file: file.name, key: ConversionKeys.ternaryScales, found: "\(scales.count) scales",
        expected: "one for each of the \(names.count) tensors")
    }
    var result: [String: Float] = [:]
    for (index, scale) in scales.enumerated() {
      let name = names.string(at: index)
      guard tensors[name] != nil, scale.isFinite, scale > 0, result.updateValue(scale, forKey: name) == nil else {
        throw ModelError.invalidConfiguration(
          file: file.name, key: ConversionKeys.ternaryScales, found: "\(scale) for \(name)",
          expected: "a number above 0 for a tensor of the file, once")
      }
    }
    return result
  }
}

extension ModelConfiguration {
  init(gguf file: GGUFFile, tensors: [String: Tensor], saysTernary: Bool) throws {
    let name = try file.requiredString("general.architecture")
    guard let architecture = GGUFArchitecture.all[name] else {
      throw ModelError.unsupportedArchitecture(
        file: file.name, found: name, supported: GGUFArchitecture.all.keys.sorted())
    }
    /// Positive and small enough for products of two; `validate` knows the sizes of models.
    func size(_ key: String, _ value: Int?) throws -> Int {
      let value = try file.required("\(name).\(key)", value)
      guard (1...1 << 30).contains(value) else {
        throw ModelError.invalidConfiguration(
          file: file.name, key: "\(name).\(key)", found: "\(value)", expected: "a number above 0")
      }
      return value
    }
    /// Some keys are arrays with one entry per layer; here every layer must be alike.
    func uniform(_ key: String) throws -> Int? {
      guard let values = try file.integers("\(name).\(key)"), let first = values.first else { return nil }
      guard values.allSatisfy({ $0 == first }) else {
        throw ModelError.invalidConfiguration(
          file: file.name, key: "\(name).\(key)", found: "different values by layer", expected: "one value for all")
      }
      return first
    }
    let hidden = try size("embedding_length", file.integer("\(name).embedding_length"))
    let heads = try size("attention.head_count", uniform("attention.head_count"))
    let kvHeads = try size("attention.head_count_kv", uniform("attention.head_count_kv") ?? heads)
    let headSize = try size(
      "attention.key_length", file.integer("\(name).attention.key_length") ?? max(1, hidden / heads))
    let rotated = try file.integer("\(name).rope.dimension_count") ?? headSize
    let valueSize = try file.integer("\(name).attention.value_length") ?? headSize
    guard valueSize == headSize else {
      throw ModelError.invalidConfiguration(
        file: file.name, key: "\(name).attention.value_length", found: "\(valueSize)",
        expected: "the key length \(headSize)")
    }

    var activation = architecture.activation
    var notes: [String] = []
    let layers = try size("block_count", file.integer("\(name).block_count"))
    let inner = try size("feed_forward_length", uniform("feed_forward_length"))
    guard let embedding = tensors["token_embd.weight"] else {
      throw ModelError.missingTensor(
        file: file.name, tensor: "token_embd.weight", hint: "The file holds no language model, or not all of one.")
    }
    // Two labels in the wild are known to name the wrong nonlinearity.
    if name == "bitnet", layers == 30, hidden == 2560, inner == 6912 {
      activation = .squaredReLU
      notes.append("labelled 'bitnet', yet of the shape of BitNet b1.58 2B4T: squared ReLU is used instead of SiLU")
    } else if name == "bitnet-b1.58", embedding.rows == 32002 {
      activation = .silu
      notes.append("labelled 'bitnet-b1.58', yet with the vocabulary of 1bitLLM: SiLU is used instead of squared ReLU")
    }
    let isTernary = saysTernary || tensors.values.contains { [.i2_s, .tq1_0, .tq2_0].contains($0.type) }

    self.init(
      architecture: name, vocabularySize: embedding.rows, hiddenSize: hidden, intermediateSize: inner,
      layerCount: layers, heads: heads, kvHeads: kvHeads, headSize: headSize,
      contextLength: try size("context_length", file.integer("\(name).context_length") ?? 2048),
      normEpsilon: try file.requiredFloat("\(name).attention.layer_norm_rms_epsilon"),
      ropeTheta: Double(try file.float("\(name).rope.freq_base") ?? 10_000), rotatedSize: rotated,
      tiesEmbeddings: tensors["output.weight"] == nil, declaresBitLinear: architecture.isBitNet || isTernary,
      notes: notes, ropeLayout: architecture.layout, ropeScaling: try RopeScaling(gguf: file, architecture: name),
      activation: activation)
    try validate(file: file.name)
  }
}

extension RopeScaling {
  init(gguf file: GGUFFile, architecture: String) throws {
    let factor = Double(try file.float("\(architecture).rope.scaling.factor") ?? 1)
    switch try file.string("\(architecture).rope.scaling.type") {
    case nil, "none": self = .none
    case "linear" where factor > 0: self = .linear(factor: factor)
    case .some(let found):
      throw ModelError.invalidConfiguration(
        file: file.name, key: "\(architecture).rope.scaling.type", found: "\(found) (factor \(factor))",
        expected: "none or linear")
    }
  }
}
