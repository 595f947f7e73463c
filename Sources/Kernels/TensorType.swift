/// How the elements of a stored tensor are encoded.
public enum TensorType: String, Sendable, Hashable, CaseIterable {
  case f32 = "F32"
}
