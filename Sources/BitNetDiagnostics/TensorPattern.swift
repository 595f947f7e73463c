import Kernels

/// What the difference between two tensors looks like. Each stands for a mistake that conversions are known to make.
public enum TensorPattern: Sendable, Hashable {
  /// The second is the first times a factor.
  case scaled(Double)
  /// The second is the negative of the first: for trits, -1 and +1 are swapped.
  case negated
  /// The rows of each head are in the other order of rotary pairs.
  case permutedForRotation
  /// Packed quarters were taken for neighbouring rows, or the reverse.
  case quartersAsNeighbours
  /// The same rows in another order.
  case rowsShuffled
  /// The same columns in another order.
  case columnsShuffled
  /// Rows and columns are exchanged.
  case transposed
  /// No zeros: the sign was taken where the first rounds and clips.
  case signsOnly
  /// More than 60 % zeros: the scale was the largest magnitude instead of the mean.
  case mostlyZeros
  /// The same trits, the scale multiplied by the share of those that are not zero: ternarized a second time.
  case quantizedTwice
  /// The same trits, the scale 1 / s instead of s.
  case scaleInverted
  /// The same trits, the scale 1.
  case scaleLost

  /// The pattern in words that follow a tensor's name, where B is the second model.
  public var text: String {
    switch self {
    case .scaled(let factor): "is \(significant(factor)) times as large in B"
    case .negated: "has its signs swapped"
    case .permutedForRotation: "looks permuted (rows of each head in the other order of rotary pairs)"
    case .quartersAsNeighbours: "looks unpacked wrongly (packed quarters taken for neighbouring rows)"
    case .rowsShuffled: "has its rows shuffled"
    case .columnsShuffled: "has its columns shuffled"
    case .transposed: "looks transposed"
    case .signsOnly: "has no zeros in B, only the signs of A (sign() instead of round and clip)"
    case .mostlyZeros: "has mostly zeros in B (scaled by the largest magnitude instead of the mean)"
    case .quantizedTwice: "was quantized twice in B (its scale is A's times the share of non-zeros)"
    case .scaleInverted: "has the inverse scale in B"
    case .scaleLost: "has lost its scale in B (it is 1)"
    }
  }

  /// A short name, the same for every factor.
  public var name: String {
    switch self {
    case .scaled: "scaled"
    case .negated: "negated"
    case .permutedForRotation: "permutedForRotation"
    case .quartersAsNeighbours: "quartersAsNeighbours"
    case .rowsShuffled: "rowsShuffled"
    case .columnsShuffled: "columnsShuffled"
    case .transposed: "transposed"
    case .signsOnly: "signsOnly"
    case .mostlyZeros: "mostlyZeros"
    case .quantizedTwice: "quantizedTwice"
    case .scaleInverted: "scaleInverted"
    case .scaleLost: "scaleLost"
    }
  }
}

extension TensorPattern: Codable {
  private enum Key: CodingKey {
    case name
    case factor
  }

  /// As `{"name": …, "factor": …}`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    if case .scaled(let factor) = self { try container.encode(factor, forKey: .factor) }
  }

  /// As ``encode(to:)`` writes it.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let name = try container.decode(String.self, forKey: .name)
    let factor = try container.decodeIfPresent(Double.self, forKey: .factor) ?? 1
    let all: [TensorPattern] = [
      .scaled(factor), .negated, .permutedForRotation, .quartersAsNeighbours, .rowsShuffled, .columnsShuffled,
      .transposed, .signsOnly, .mostlyZeros, .quantizedTwice, .scaleInverted, .scaleLost,
    ]
    guard let found = all.first(where: { $0.name == name }) else {
      throw DecodingError.dataCorruptedError(forKey: .name, in: container, debugDescription: "unknown pattern \(name)")
    }
    self = found
  }
}

extension TensorPattern {
  /// A pattern that sums over the elements show.
  init?(_ sums: PairSums, tolerance: Double) {
    let (factor, residual) = sums.fit
    guard residual <= max(tolerance, 1e-3), factor != 0 else { return nil }
    // The same but for a few elements is no factor.
    guard abs(factor - 1) > max(tolerance, 1e-3) else { return nil }
    self = abs(factor + 1) <= max(tolerance, 1e-3) ? .negated : .scaled(factor)
  }

  /// A pattern in the places of the elements.
  ///
  /// - Parameter orders: for each known confusion, the row of the second matrix for every row of the first.
  init?(_ a: ComparedMatrix, _ b: ComparedMatrix, tolerance: Double, orders: [(TensorPattern, [Int])]) {
    let asTrits = a.ternary != nil && b.ternary != nil
    let pair = MatrixPair(
      (0..<a.rows).map { a.values(row: $0, asTrits: asTrits) },
      (0..<b.rows).map { b.values(row: $0, asTrits: asTrits) },
      tolerance: max(tolerance, 1e-3))
    if a.rows == b.rows, a.columns == b.columns {
      // Where most is in its place, little can be elsewhere.
      guard pair.relative(rows: Array(0..<a.rows)) > 10 * pair.tolerance else { return nil }
      if let known = orders.first(where: { pair.matches(rows: $0.1) }) {
        self = known.0
        return
      }
      if let order = MatrixPair.order(matching: pair.a, to: pair.b), pair.matches(rows: order) {
        self = .rowsShuffled
        return
      }
    }
    // Vectors have no other direction.
    guard a.rows > 1, a.columns > 1 else { return nil }
    let turned = MatrixPair(pair.a, MatrixPair.transposed(pair.b), tolerance: pair.tolerance)
    if a.rows == b.columns, a.columns == b.rows, turned.matches(rows: Array(0..<a.rows)) {
      self = .transposed
      return
    }
    let columns = MatrixPair(MatrixPair.transposed(pair.a), turned.b, tolerance: pair.tolerance)
    guard a.rows == b.rows, a.columns == b.columns, let order = MatrixPair.order(matching: columns.a, to: columns.b),
      columns.matches(rows: order)
    else { return nil }
    self = .columnsShuffled
  }
}

/// Two matrices of which one may hold the rows of the other in another order.
private struct MatrixPair {
  let a: [[Float]]
  let b: [[Float]]
  let tolerance: Double

  init(_ a: [[Float]], _ b: [[Float]], tolerance: Double) {
    self.a = a
    self.b = b
    self.tolerance = tolerance
  }

  /// Whether row `i` of `a` is row `rows[i]` of `b`.
  func matches(rows: [Int]) -> Bool { relative(rows: rows) <= tolerance }

  /// The relative difference of row `i` of `a` and row `rows[i]` of `b`, over all rows.
  func relative(rows: [Int]) -> Double {
    var total = PairSums()
    for (row, other) in zip(a, rows) {
      total.add(PairSums(row, b[other]))
      // A wrong order shows in the first rows.
      if total.relative > 0.5 { break }
    }
    return total.relative
  }

  static func transposed(_ matrix: [[Float]]) -> [[Float]] {
    guard let first = matrix.first else { return [] }
    return first.indices.map { column in matrix.map { $0[column] } }
  }

  /// For each row of `a` the row of `b` with the same rank by a random projection, which tells rows apart and survives
  /// rounding.
  static func order(matching a: [[Float]], to b: [[Float]]) -> [Int]? {
    guard a.count == b.count, let width = a.first?.count, width == b.first?.count else { return nil }
    var random = SplitMix64(seed: 1)
    let weights = (0..<width).map { _ in Double(random.next() >> 40) / Double(1 << 24) - 0.5 }
    func ranked(_ matrix: [[Float]]) -> [Int] {
      let keys = matrix.map { row in zip(row, weights).reduce(0) { $0 + Double($1.0) * $1.1 } }
      return keys.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }
    }
    var order = Array(repeating: 0, count: a.count)
    for (row, other) in zip(ranked(a), ranked(b)) { order[row] = other }
    return order
  }
}
