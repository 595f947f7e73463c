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
  /// Elements that differ by more than rounding explains.
  var beyondRounding = 0.0
  /// Elements that are infinite or not a number.
  var nonFiniteA = 0
  var nonFiniteB = 0

  init() {}

  init(_ a: [Float], _ b: [Float], aScale: Double = 1, bScale: Double = 1) {
    for (x, y) in zip(a, b) {
      if x != 0 { nonZeroA += 1 }
      if y != 0 { nonZeroB += 1 }
      if x != y { differing += 1 } else if x != 0 { agreeing += 1 }
      if x == -y, x != 0 { opposite += 1 }
      let p = Double(x) * aScale, q = Double(y) * bScale
      if !x.isFinite { nonFiniteA += 1 }
      if !y.isFinite { nonFiniteB += 1 }
      let step = p == q || p.isNaN && q.isNaN ? 0 : abs(p - q)
      // What is a number on one side only differs infinitely.
      maximum = max(maximum, step.isNaN ? .infinity : step)
      difference += step * step
      squareA += p * p
      squareB += q * q
      product += p * q
    }
  }

  /// - Parameter limit: what rounding explains; `nil` if nothing is to be explained.
  init(_ a: [Float], _ b: [Float], limit: RoundingLimit?) {
    self.init(a, b)
    guard let limit, difference > 0 else { return }
    for start in stride(from: 0, to: a.count, by: limit.block) {
      let block = start..<min(start + limit.block, a.count)
      let allowed = limit.allowed(max(RoundingLimit.largest(a, block), RoundingLimit.largest(b, block)))
      for index in block where a[index] != b[index] && !(a[index].isNaN && b[index].isNaN) {
        if !(abs(Double(a[index]) - Double(b[index])) <= allowed) { beyondRounding += 1 }
      }
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
    beyondRounding += other.beyondRounding
    nonFiniteA += other.nonFiniteA
    nonFiniteB += other.nonFiniteB
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
