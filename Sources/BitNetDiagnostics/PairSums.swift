import Kernels

/// Sums over the elements of two rows; they add up over the rows.
struct PairSums {
  var maximum = 0.0
  var difference = 0.0
  var squareA = 0.0
  var squareB = 0.0
  var product = 0.0
  var nonZeroA = 0.0
  var nonZeroB = 0.0
  /// Elements that are not equal before scaling.
  var differing = 0.0
  /// Elements that are the negative of each other, and not zero.
  var opposite = 0.0
  /// Elements that are equal and not zero.
  var agreeing = 0.0

  init() {}

  init(_ a: [Float], _ b: [Float], aScale: Double = 1, bScale: Double = 1) {
    for (x, y) in zip(a, b) {
      if x != 0 { nonZeroA += 1 }
      if y != 0 { nonZeroB += 1 }
      if x != y { differing += 1 } else if x != 0 { agreeing += 1 }
      if x == -y, x != 0 { opposite += 1 }
      let p = Double(x) * aScale, q = Double(y) * bScale
      let step = p == q ? 0 : abs(p - q)
      // What is not a number differs infinitely.
      maximum = max(maximum, step.isNaN ? .infinity : step)
      difference += step * step
      squareA += p * p
      squareB += q * q
      product += p * q
    }
  }

  mutating func add(_ other: PairSums) {
    maximum = max(maximum, other.maximum)
    difference += other.difference
    squareA += other.squareA
    squareB += other.squareB
    product += other.product
    nonZeroA += other.nonZeroA
    nonZeroB += other.nonZeroB
    differing += other.differing
    opposite += other.opposite
    agreeing += other.agreeing
  }

  /// `||a - b|| / ||a||`; 0 when both are zero.
  var relative: Double {
    let relative = (difference / squareA).squareRoot()
    return difference == 0 ? 0 : relative.isNaN ? .infinity : relative
  }

  /// The factor `c` for which `c * a` is nearest to `b`, and the relative difference that is left.
  var fit: (factor: Double, residual: Double) {
    guard squareA > 0, squareB > 0, product.isFinite else { return (1, .infinity) }
    return (product / squareA, max(0, 1 - product * product / (squareA * squareB)).squareRoot())
  }
}

extension TensorType {
  /// Scales travel as f16 or bf16: half a unit of bf16's last place, and a little.
  static let ternaryScaleRounding = 0.005

  /// The relative difference (Frobenius) that storing numbers in this type makes at most, for weights as they are found.
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
}
