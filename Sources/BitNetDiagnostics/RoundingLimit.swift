import Kernels

/// How far two elements may be apart because of how they are stored. A norm over a whole tensor would not see damage to
/// a few elements, so that every element is held against the largest of its block, which is what types round by.
struct RoundingLimit: Sendable {
  /// The elements that are rounded together.
  let block: Int
  private let share: Double
  private let floor: Double

  /// - Parameters:
  ///   - a: how the one is stored.
  ///   - b: how the other is.
  init(_ a: TensorType, _ b: TensorType) {
    block = max(32, a.blockElements, b.blockElements)
    // Half as much again: encoders that search for the best scale clip the largest elements.
    share = 1.5 * (a.rounding + b.rounding)
    floor = a.smallestStep + b.smallestStep
  }

  /// The largest difference that rounding explains in a block whose largest magnitude is given.
  func allowed(_ largest: Double) -> Double { share * largest + floor }

  /// The largest magnitude of some elements that are numbers.
  static func largest(_ values: [Float], _ range: Range<Int>) -> Double {
    var largest: Float = 0
    for index in range where values[index].isFinite { largest = max(largest, abs(values[index])) }
    return Double(largest)
  }
}

extension TensorType {
  /// Scales travel as f16 or bf16: half a unit of bf16's last place, and a little.
  static let ternaryScaleRounding = 0.005

  /// What storing numbers in this type changes at most: an element, as a share of the largest magnitude of its block; and
  /// a tensor, as a relative difference (Frobenius), for weights as they are found.
  var rounding: Double {
    switch self {
    case .f64, .f32, .i8, .i16, .i32, .i64, .u8, .i2_s: 1e-6
    case .f16: 1e-3
    case .bf16: 4e-3
    case .q8_0: 1.5e-2
    case .q6_K: 4e-2
    case .q5_0, .q5_1, .q5_K: 8e-2
    case .q4_0, .q4_1, .q4_K: 0.16
    case .tq1_0, .tq2_0: 5e-3
    }
  }

  /// The distance of neighbouring values near zero: that of subnormal halves, times the largest number that the scale of a
  /// block is multiplied by.
  fileprivate var smallestStep: Double {
    let factor: Double =
      switch self {
      case .f64, .f32, .bf16, .i8, .i16, .i32, .i64, .u8, .i2_s: 0
      case .f16, .tq1_0, .tq2_0: 1
      case .q8_0: 127
      case .q4_0, .q4_1: 16
      case .q5_0, .q5_1: 32
      case .q4_K, .q5_K: 63 * 31
      case .q6_K: 128 * 32
      }
    return factor * 0x1p-24
  }
}
