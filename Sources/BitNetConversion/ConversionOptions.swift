public import Kernels

/// How a model is converted.
public struct ConversionOptions: Sendable {
  /// What is written.
  public enum Destination: String, Sendable, CaseIterable {
    /// One GGUF file.
    case gguf
    /// A Hugging Face folder.
    case safetensors
  }

  /// The runtime that a GGUF file is for, beside this one, which reads them all.
  public enum Target: String, Sendable, CaseIterable {
    /// Microsoft's bitnet.cpp.
    case bitnetCpp = "bitnet.cpp"
    /// Upstream llama.cpp.
    case llamaCpp = "llama.cpp"
  }

  /// What is written.
  public var destination = Destination.gguf
  /// The type of the linear layers.
  public var weightType = WeightType.auto
  /// The type of token embedding and output head; `nil` keeps the source's as far as the target reads it.
  public var headType: TensorType?
  /// The runtime; `nil` takes the one that the model and the type allow.
  public var target: Target?
  /// Makes full-precision weights ternary that do not declare themselves a BitNet's.
  public var ternarizes = false
  /// Allows steps that lose information beyond rounding bf16 to f16.
  public var allowsLossy = false
  /// Replaces what is there.
  public var overwrites = false
  /// Whether the result is read back and compared; `nil` does so for sources below 4 GB.
  public var verifies: Bool?
  /// The number of threads; `nil` takes all processors.
  public var threads: Int?
  /// What a GGUF file calls the model, `general.name`; `nil` takes the source's name.
  public var name: String?
  /// Name and version of the program, for the file's provenance.
  public var tool = "swift-bitnet"

  /// Options; all have defaults.
  public init() {}
}

/// What the linear layers of the blocks are stored as.
public enum WeightType: String, Sendable, CaseIterable {
  /// What the source holds: ternary weights as the target stores them, others as they are.
  case auto
  /// bitnet.cpp's trits, one f32 scale per tensor.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case i2_s
  /// ggml's trits, five to a byte.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq1_0
  /// ggml's trits, four to a byte.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case tq2_0
  /// 4-bit blocks; exact for trits.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_0
  /// 8-bit blocks.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0
  /// IEEE half precision.
  case f16
  /// The upper half of a single.
  case bf16
  /// IEEE single precision.
  case f32
  /// Hugging Face's packed bytes with a `weight_scale` beside them; in folders only.
  case packed

  /// The type of the tensors; `nil` for `auto`.
  package var tensorType: TensorType? {
    switch self {
    case .auto: nil
    case .i2_s: .i2_s
    case .tq1_0: .tq1_0
    case .tq2_0: .tq2_0
    case .q4_0: .q4_0
    case .q8_0: .q8_0
    case .f16: .f16
    case .bf16: .bf16
    case .f32: .f32
    case .packed: .u8
    }
  }

  /// Whether only trits fit.
  var isTernary: Bool { [.i2_s, .tq1_0, .tq2_0, .packed].contains(self) }
}
