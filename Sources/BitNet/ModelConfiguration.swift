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
  public let normEpsilon: Float
  /// The base of the rotary frequencies.
  public let ropeTheta: Double
  /// How many elements of each head are rotated.
  public let rotatedSize: Int
  /// Whether the file says that the head shares the token embedding's weights.
  public let tiesEmbeddings: Bool
  /// Whether the file declares itself a BitNet: then `bitLinear` is the mode it was made for.
  public let declaresBitLinear: Bool
  /// Decisions that were taken where the file is silent or contradicts itself, as sentences for the user.
  public let notes: [String]

  package let ropeLayout: RotaryLayout
  package let ropeScaling: RopeScaling
  package let activation: GateActivation

  /// The name of the feed-forward network's nonlinearity.
  public var activationName: String {
    switch activation {
    case .silu: "SiLU"
    case .squaredReLU: "squared ReLU"
    }
  }
}

/// How rotary frequencies are changed to reach longer contexts.
package enum RopeScaling: Sendable, Equatable {
  case none
  /// Every frequency divided by the factor.
  case linear(factor: Double)
  /// Llama 3.1: low frequencies divided by the factor, high ones kept, a ramp between.
  case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Double)

  /// The frequency of every rotated pair, `[rotatedSize / 2]`: `theta^(-2i / rotatedSize)`, scaled.
  ///
  /// - Parameter factors: divides the frequency of each pair (the tensor `rope_freqs.weight` of GGUF files), if any.
  func frequencies(theta: Double, rotatedSize: Int, factors: [Float]?) -> [Double] {
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
