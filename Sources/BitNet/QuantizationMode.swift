/// Which of the two quantizations of BitLinear the linear layers apply.
public enum QuantizationMode: String, Sendable, CaseIterable, Codable {
  /// The weights as they are stored and float activations: the model as a full-precision model.
  case none
  /// Ternary weights (absmean, one scale per matrix) and float activations.
  case weightOnly
  /// Ternary weights and int8 activations (absmax, one scale per token): BitNet b1.58 as it is trained.
  case bitLinear
}
