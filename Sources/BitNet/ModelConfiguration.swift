package import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What varies between the models that the one transformer graph computes.
public struct ModelConfiguration: Sendable {
  /// The architecture's name in the file: `llama`, `bitnet-b1.58`, `BitNetForCausalLM` …
  public let architecture: String
  /// Rows of the token embedding.
  public let vocabularySize: Int
  /// The width of the residual stream.
  public let hiddenSize: Int
  /// The width inside the feed-forward network.
  public let intermediateSize: Int
  /// The number of transformer blocks.
  public let layerCount: Int
  /// The number of query heads.
  public let heads: Int
  /// The number of key-value heads; each serves `heads / kvHeads` query heads.
  public let kvHeads: Int
  /// The width of one head.
  public let headSize: Int
  /// The longest context that the model was made for, in tokens.
  public let contextLength: Int
  /// Added to the mean square in every RMSNorm.
  public package(set) var normEpsilon: Float
  /// The base of the rotary frequencies.
  public package(set) var ropeTheta: Double
  /// How many elements of each head are rotated.
  public let rotatedSize: Int
  /// Whether the file says that the head shares the token embedding's weights.
  public package(set) var tiesEmbeddings: Bool
  /// Whether the file declares itself a BitNet: then `bitLinear` is the mode it was made for.
  public let declaresBitLinear: Bool
  /// Decisions that were taken where the file is silent or contradicts itself, as sentences for the user.
  public let notes: [String]

  package var ropeLayout: RotaryLayout
  package let ropeScaling: RopeScaling
  package var activation: GateActivation

  /// The name of the feed-forward network's nonlinearity.
  public var activationName: String {
    switch activation {
    case .silu: "SiLU"
    case .squaredReLU: "squared ReLU"
    }
  }
}

extension ModelConfiguration {
  /// The configuration of a model that comes from no file: rotated over whole heads, in Hugging Face's order.
  ///
  /// - Throws: ``ModelError/invalidConfiguration(file:key:found:expected:)`` for what the graph cannot compute.
  package init(
    architecture: String, vocabularySize: Int, hiddenSize: Int, intermediateSize: Int, layerCount: Int, heads: Int,
    kvHeads: Int, headSize: Int, contextLength: Int, normEpsilon: Float, ropeTheta: Double, tiesEmbeddings: Bool,
    declaresBitLinear: Bool, activation: GateActivation
  ) throws(ModelError) {
    self.init(
      architecture: architecture, vocabularySize: vocabularySize, hiddenSize: hiddenSize,
      intermediateSize: intermediateSize, layerCount: layerCount, heads: heads, kvHeads: kvHeads, headSize: headSize,
      contextLength: contextLength, normEpsilon: normEpsilon, ropeTheta: ropeTheta, rotatedSize: headSize,
      tiesEmbeddings: tiesEmbeddings, declaresBitLinear: declaresBitLinear, notes: [], ropeLayout: .halves,
      ropeScaling: .none, activation: activation)
    try validate(file: "the model's configuration")
  }

  /// The configuration of what training makes of the model: with the rows of queries and keys in Hugging Face's order.
  package func trained(asBitNet isBitNet: Bool) -> ModelConfiguration {
    ModelConfiguration(
      architecture: isBitNet ? "BitNetForCausalLM" : architecture, vocabularySize: vocabularySize,
      hiddenSize: hiddenSize, intermediateSize: intermediateSize, layerCount: layerCount, heads: heads,
      kvHeads: kvHeads,
      headSize: headSize, contextLength: contextLength, normEpsilon: normEpsilon, ropeTheta: ropeTheta,
      rotatedSize: rotatedSize, tiesEmbeddings: tiesEmbeddings, declaresBitLinear: isBitNet, notes: notes,
      ropeLayout: .halves, ropeScaling: ropeScaling, activation: activation)
  }
}

extension ModelConfiguration {
  /// Refuses what the graph cannot compute, and sizes beyond those of any model: buffers are made by them, and a small
  /// file must not make large ones.
  ///
  /// - Throws: ``ModelError/invalidConfiguration(file:key:found:expected:)``.
  func validate(file: String) throws(ModelError) {
    func require(_ holds: Bool, _ what: String, _ found: some CustomStringConvertible, _ expected: String)
      throws(ModelError)
    {
      guard holds else {
        throw .invalidConfiguration(file: file, key: what, found: found.description, expected: expected)
      }
    }
    func requireSize(_ what: String, _ size: Int, atMost limit: Int) throws(ModelError) {
      try require((1...limit).contains(size), what, size, "1 to \(limit)")
    }
    try requireSize("the number of blocks", layerCount, atMost: 4096)
    try requireSize("the hidden size", hiddenSize, atMost: 1 << 16)
    try requireSize("the feed-forward size", intermediateSize, atMost: 1 << 18)
    try requireSize("the number of embedding rows", vocabularySize, atMost: 1 << 20)
    try requireSize("the context length", contextLength, atMost: 1 << 30)
    try requireSize("the number of heads", heads, atMost: 1 << 12)
    try requireSize("the head size", headSize, atMost: 1 << 12)
    try requireSize("the number of heads times the head size", heads * headSize, atMost: 1 << 16)
    try require(
      kvHeads > 0 && heads.isMultiple(of: kvHeads), "the number of key-value heads", kvHeads,
      "a divisor of the \(heads) heads")
    try require(
      rotatedSize > 0 && rotatedSize.isMultiple(of: 2) && rotatedSize <= headSize,
      "the number of rotated elements of a head", rotatedSize, "an even number up to the head size \(headSize)")
    try require(normEpsilon >= 0 && normEpsilon < 1, "the epsilon of the norms", normEpsilon, "0 or more, less than 1")
    try require(ropeTheta > 0 && ropeTheta.isFinite, "the base of the rotary frequencies", ropeTheta, "more than 0")
    try require(ropeScaling.isFinite, "the scaling of the rotary frequencies", ropeScaling, "finite numbers above 0")
  }
}

extension ModelConfiguration {
  /// By what the frequency of every rotated pair is divided, where that is not by one number for all: as GGUF files keep
  /// it, in `rope_freqs.weight`.
  package var llama3Factors: [Float]? {
    guard case .llama3 = ropeScaling else { return nil }
    return ropeFactors(ropeScaling)
  }

  /// By what a scaling divides the frequency of every rotated pair, `[rotatedSize / 2]`.
  package func ropeFactors(_ scaling: RopeScaling) -> [Float] {
    let plain = RopeScaling.none.frequencies(theta: ropeTheta, rotatedSize: rotatedSize, factors: nil)
    let scaled = scaling.frequencies(theta: ropeTheta, rotatedSize: rotatedSize, factors: nil)
    return zip(plain, scaled).map { Float($0 / $1) }
  }
}

/// How rotary frequencies are changed to reach longer contexts.
package enum RopeScaling: Sendable, Equatable, CustomStringConvertible {
  case none
  /// Every frequency divided by the factor.
  case linear(factor: Double)
  /// Llama 3.1: low frequencies divided by the factor, high ones kept, a ramp between.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)

  package var description: String {
    switch self {
    case .none: "none"
    case .linear(let factor): "linear by \(factor)"
    case .llama3(let factor, let low, let high, let original): "llama3 by \(factor) (\(low), \(high), \(original))"
    }
  }

  fileprivate var isFinite: Bool {
    let numbers: [Double] =
      switch self {
      case .none: []
      case .linear(let factor): [factor]
      case .llama3(let factor, let low, let high, let original): [factor, low, high, original]
      }
    return numbers.allSatisfy { $0 > 0 && $0.isFinite }
  }

  /// The frequency of every rotated pair, `[rotatedSize / 2]`: `theta^(-2i / rotatedSize)`, scaled.
  ///
  /// - Parameter factors: divides the frequency of each pair (the tensor `rope_freqs.weight` of GGUF files), if any.
  package func frequencies(theta: Double, rotatedSize: Int, factors: [Float]?) -> [Double] {
    (0..<rotatedSize / 2).map { pair in
      let frequency = pow(theta, -2 * Double(pair) / Double(rotatedSize)) / Double(factors?[pair] ?? 1)
      switch self {
      case .none: return frequency
      case .linear(let factor): return frequency / factor
      case .llama3(let factor, let low, let high, let original):
        let wavelength = 2 * Double.pi / frequency
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return frequency / factor }
        let smooth = (original / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }
}
