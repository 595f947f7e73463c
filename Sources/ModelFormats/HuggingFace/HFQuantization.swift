/// The `quantization_config` of a `config.json`. Keys and defaults: transformers' `BitNetQuantConfig`.
public struct HFQuantization: Sendable, Hashable {
  /// The class of the linear layers, which decides what `weight_scale` means.
  public enum LinearClass: String, Sendable, Hashable {
    /// Weights are the ternary values *divided* by `weight_scale`: it holds 1 / absmean.
    case bitLinear = "bitlinear"
    /// Weights are the ternary values *times* `weight_scale`: it holds the absmean.
    case autoBitLinear = "autobitlinear"
  }

  /// How the weights are stored.
  public enum Mode: String, Sendable, Hashable {
    /// As packed ternary values with a scale.
    case offline
    /// As floats that the model makes ternary when it runs.
    case online
  }

  /// The scheme; `bitnet` for those that are read here.
  public let method: String
  /// The class of the linear layers.
  public let linearClass: LinearClass
  /// Whether the file itself names the class, rather than leaving it to the default.
  public let saysLinearClass: Bool
  /// How the weights are stored.
  public let mode: Mode
  /// The names of linear layers that are left as they are; `nil` leaves it to transformers, which spares the head.
  public let modulesToNotConvert: [String]?
  /// Whether there is an RMS norm in front of every linear layer.
  public let usesRMSNorm: Bool
  /// The epsilon of those norms.
  public let rmsNormEps: Double

  /// Whether the scheme is BitNet's.
  public var isBitNet: Bool { method == "bitnet" }

  init(_ node: JSONNode) throws(FormatError) {
    method = try node.required("quant_method", node.string("quant_method"))
    // Other schemes use the same keys for other things.
    let isBitNet = method == "bitnet"
    let className = isBitNet ? try node.string("linear_class") : nil
    saysLinearClass = className != nil
    guard let linearClass = LinearClass(rawValue: className ?? "bitlinear") else {
      throw node.invalid("linear_class", found: className ?? "", expected: "bitlinear or autobitlinear")
    }
    self.linearClass = linearClass
    let modeName = isBitNet ? try node.string("quantization_mode") : nil
    guard let mode = Mode(rawValue: modeName ?? "offline") else {
      throw node.invalid("quantization_mode", found: modeName ?? "", expected: "offline or online")
    }
    self.mode = mode
    modulesToNotConvert = isBitNet ? try node.strings("modules_to_not_convert") : nil
    usesRMSNorm = isBitNet ? try node.bool("use_rms_norm") ?? false : false
    rmsNormEps = isBitNet ? try node.number("rms_norm_eps") ?? 1e-6 : 1e-6
  }
}
