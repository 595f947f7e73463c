import Kernels

/// What is lost between two types.
enum Rounding {
  struct Loss {
    let why: String
    /// Whether it is so small that nobody need be asked.
    let isMinor: Bool
  }

  /// - Returns: `nil` if every value survives.
  static func loss(from: TensorType, to: TensorType) -> Loss? {
    switch (from, to) {
    case _ where from == to, (.f16, .f32), (.bf16, .f32): nil
    case (.f64, _): Loss(why: "doubles are rounded to \(to.rawValue)", isMinor: to == .f32)
    case (_, .f32): nil
    case (.bf16, .f16): Loss(why: "magnitudes below 6e-5 may be rounded", isMinor: true)
    case (.f16, .bf16): Loss(why: "3 of 11 bits are rounded away", isMinor: false)
    case (_, .f16): Loss(why: "values are rounded to 11 bits", isMinor: false)
    case (_, .bf16): Loss(why: "values are rounded to 8 bits", isMinor: false)
    default: Loss(why: "values are rounded to blocks of \(to.bitsPerWeight) bits per weight", isMinor: false)
    }
  }
}
