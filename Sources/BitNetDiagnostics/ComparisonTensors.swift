import BitNet
import Kernels
import ModelFormats

/// One tensor of two models, matched by its role.
public struct TensorComparison: Sendable, Codable {
  /// How two tensors relate.
  public enum Status: String, Sendable, Codable {
    /// The same numbers.
    case equal
    /// The same numbers but for the rounding of how they are stored.
    case rounded
    /// Other numbers.
    case differs
    /// Sizes that cannot be compared element by element.
    case shape
    /// Contents that cannot be used, for the reason that the model cannot be run.
    case unreadable
    /// Not in the first model.
    case missingInA
    /// Not in the second model.
    case missingInB
  }

  /// The canonical name, such as `blk.0.attn_q.weight`.
  public var name: String
  /// How the tensors relate.
  public var status: Status
  /// The types in the files, of the first and the second model; `nil` where missing.
  public var storage: [String?]
  /// The shapes `[outputs, inputs]`; empty where missing.
  public var shapes: [[Int]]
  /// The largest difference of two elements.
  public var maximum: Double?
  /// `||a - b|| / ||a||` (Frobenius).
  public var relative: Double?
  /// The relative difference that counts as rounding.
  public var tolerance: Double
  /// The share of trits that differ, 0 to 1; `nil` unless both are ternary in use.
  public var differingTrits: Double?
  /// The scale of the second over that of the first; `nil` unless both are ternary in use.
  public var scaleRatio: Double?
  /// The shares of zeros among the trits.
  public var zeros: [Double]?
  /// How many elements of the first and the second are infinite or not a number; `nil` where all are numbers.
  public var nonFinite: [Int]?
  /// What the difference looks like; `nil` when it looks like nothing known, or there is none.
  public var pattern: TensorPattern?
}

extension TensorComparison {
  /// The name without `.weight`.
  var shortName: String { name.hasSuffix(".weight") ? String(name.dropLast(7)) : name }

  /// The block; -1 for the embedding, `nil` for what comes after the blocks.
  var layer: Int? {
    let parts = name.split(separator: ".")
    if parts.count > 1, parts[0] == "blk" { return Int(parts[1]) }
    return name == "token_embd.weight" ? -1 : nil
  }

  /// The part of the block, such as `attn_q`; the name itself outside of blocks.
  var part: String {
    layer.map { $0 >= 0 } == true ? String(shortName.split(separator: ".", maxSplits: 2)[2]) : shortName
  }

  var isLinear: Bool { LinearRole(rawValue: part) != nil }

  /// Whether the difference changes what is computed.
  var matters: Bool { status != .equal && status != .rounded }
}

extension ComparedPair {
  /// All tensors of both models by role, in the order of the graph.
  private var names: [String] {
    let found = Set(a.tensors.keys).union(b.tensors.keys).filter {
      // Scales and factors are part of what they scale.
      !$0.hasSuffix(".scale") && $0 != "rope_freqs.weight" && $0 != "output.weight"
    }
    func key(_ name: String) -> (Int, String) {
      let parts = name.split(separator: ".")
      let layer = parts.count > 1 && parts[0] == "blk" ? Int(parts[1]) : nil
      return (layer ?? (name == "token_embd.weight" ? -1 : Int.max), name)
    }
    let hasHead = [a, b].contains { $0.tensors["output.weight"] != nil }
    return found.sorted { key($0) < key($1) } + (hasHead ? ["output.weight"] : [])
  }

  /// Compares all tensors.
  func compareTensors(
    tolerance: Double?, progress: (String) -> Void, isCancelled: () -> Bool
  ) throws -> [TensorComparison] {
    let compute = try models?.first?.compute ?? Compute()
    let names = names
    var examined = 0
    return try names.enumerated().compactMap { index, name in
      if isCancelled() { throw CancellationError() }
      progress("tensors \(index + 1)/\(names.count)")
      let matrices: [ComparedMatrix?]
      do {
        matrices = try zip([a, b], modes).map { checkpoint, mode in
          // A tied head is the embedding.
          let isTied = name == "output.weight" && checkpoint.tensors[name] == nil
          return try ComparedMatrix(
            isTied ? "token_embd.weight" : name, of: checkpoint, mode: mode, compute: compute)
        }
      } catch is ModelError {
        let tensors = [a.tensors[name], b.tensors[name]]
        return TensorComparison(
          name: name, status: holdSameBytes(name) ? .equal : .unreadable, storage: tensors.map { $0?.type.rawValue },
          shapes: tensors.map { $0?.shape ?? [] }, tolerance: 0)
      }
      guard let first = matrices[0], let second = matrices[1] else {
        // Of integers that belong to no layer nothing is known.
        return matrices.allSatisfy { $0 == nil } ? nil : TensorComparison(name, missing: matrices)
      }
      var result = TensorComparison(name, first, second, tolerance: tolerance, pool: compute.pool)
      // Looking for a pattern takes both matrices into memory: some blocks tell as much as all.
      let isSmall = max(first.rows * first.columns, second.rows * second.columns) <= 1 << 25
      if result.matters, result.pattern == nil, isSmall, examined < 32 {
        examined += 1
        result.pattern = TensorPattern(first, second, tolerance: result.tolerance, orders: orders(of: name, first.rows))
      }
      return result
    }
  }

  /// Whether a tensor is the same to the byte, whatever it holds.
  private func holdSameBytes(_ name: String) -> Bool {
    guard let first = a.tensors[name], let second = b.tensors[name] else { return false }
    return first.type == second.type && first.shape == second.shape && first.bytes.equals(second.bytes)
      && a.packedScales[name] == b.packedScales[name] && a.ternaryScales[name] == b.ternaryScales[name]
  }

  /// The orders that rows of this tensor are known to be confused with.
  private func orders(of name: String, _ rows: Int) -> [(TensorPattern, [Int])] {
    var orders: [(TensorPattern, [Int])] = []
    let configuration = a.configuration
    for (role, heads) in [(LinearRole.query, configuration.heads), (.key, configuration.kvHeads)]
    where name.contains(".\(role.rawValue).") && rows == heads * configuration.headSize {
      let order = RotaryOrder(configuration, heads: heads).neighboursOfHalves
      orders += [(.permutedForRotation, order), (.permutedForRotation, RotaryOrder.inverse(order))]
    }
    if rows.isMultiple(of: 4) {
      let quarters = (0..<rows).map { $0 % (rows / 4) * 4 + $0 / (rows / 4) }
      orders += [(.quartersAsNeighbours, quarters), (.quartersAsNeighbours, RotaryOrder.inverse(quarters))]
    }
    return orders
  }
}

extension TensorComparison {
  fileprivate init(_ name: String, missing matrices: [ComparedMatrix?]) {
    self.init(
      name: name, status: matrices[0] == nil ? .missingInA : .missingInB,
      storage: matrices.map { $0?.storage.rawValue }, shapes: matrices.map { $0?.shape ?? [] }, tolerance: 0)
  }

  fileprivate init(
    _ name: String, _ a: ComparedMatrix, _ b: ComparedMatrix, tolerance given: Double?, pool: ThreadPool
  ) {
    let asTrits = a.ternary != nil && b.ternary != nil
    // Nothing was rounded between two files of one type: what differs there is damage. Scales of trits travel in types of
    // their own.
    let isExact = a.storage == b.storage && (!asTrits || a.wasTernarized && b.wasTernarized)
    let rounding = asTrits ? TensorType.ternaryScaleRounding : max(a.storage.rounding, b.storage.rounding)
    self.init(
      name: name, status: .shape, storage: [a.storage.rawValue, b.storage.rawValue], shapes: [a.shape, b.shape],
      tolerance: given ?? (isExact ? 0 : rounding))
    // One vocabulary may be longer than the other: the rows that both have are compared.
    let isVocabulary = name == "token_embd.weight" || name == "output.weight"
    guard a.columns == b.columns, a.rows == b.rows || isVocabulary else { return }
    let rows = min(a.rows, b.rows)
    let limit = given == nil ? RoundingLimit(a.storage, b.storage) : nil
    let sums = pool.map(count: rows) { row in
      asTrits
        ? PairSums(
          a.values(row: row, asTrits: true), b.values(row: row, asTrits: true), aScale: a.ternary.scale(asTrits),
          bScale: b.ternary.scale(asTrits))
        : PairSums(a.floats(row: row), b.floats(row: row), limit: isExact ? nil : limit)
    }
    let total = sums.reduce(into: PairSums()) { $0.add($1) }
    maximum = total.maximum
    relative = total.relative
    if total.nonFiniteA + total.nonFiniteB > 0 { nonFinite = [total.nonFiniteA, total.nonFiniteB] }
    if asTrits {
      let isOnBorders = isExact || limit.map { TensorComparison.differOnBorders(a, b, rows: rows, $0, pool) } ?? true
      judgeTrits(
        a, b, total, count: Double(rows * a.columns), tolerance: given, isExact: isExact, isOnBorders: isOnBorders)
    } else {
      let isRounded = total.relative <= tolerance && total.beyondRounding == 0
      status = total.maximum == 0 ? .equal : isRounded ? .rounded : .differs
      if matters { pattern = TensorPattern(total, tolerance: tolerance) }
    }
  }

  /// Whether rounding explains every trit that differs: weights that are rounded may fall to either side of the border
  /// between two trits, those that are not near it may not.
  private static func differOnBorders(
    _ a: ComparedMatrix, _ b: ComparedMatrix, rows: Int, _ limit: RoundingLimit, _ pool: ThreadPool
  ) -> Bool {
    let masters = [a, b].filter(\.wasTernarized)
    guard !masters.isEmpty else { return true }
    let ratio = b.ternary.scale(true) / a.ternary.scale(true)
    let scales = max(abs(ratio - 1), TensorType.ternaryScaleRounding)
    return pool.map(count: rows) { row in
      let first = a.trits(row: row), second = b.trits(row: row)
      let differing = first.indices.filter { first[$0] != second[$0] }
      guard !differing.isEmpty else { return true }
      guard differing.allSatisfy({ abs(first[$0] - second[$0]) == 1 }) else { return false }
      return masters.allSatisfy { master in
        let weights = master.floats(row: row), scale = master.ternary.scale(true)
        return differing.allSatisfy { index in
          let start = index / limit.block * limit.block
          let largest = RoundingLimit.largest(weights, start..<min(start + limit.block, weights.count))
          return abs(abs(Double(weights[index])) - scale / 2) <= limit.allowed(largest) + scales * scale
        }
      }
    }.allSatisfy(\.self)
  }

  private mutating func judgeTrits(
    _ a: ComparedMatrix, _ b: ComparedMatrix, _ total: PairSums, count: Double, tolerance given: Double?, isExact: Bool,
    isOnBorders: Bool
  ) {
    let ratio = Double(b.ternary?.scale ?? 1) / Double(a.ternary?.scale ?? 1)
    let zeros = [1 - total.nonZeroA / count, 1 - total.nonZeroB / count]
    let share = total.differing / count
    differingTrits = share
    scaleRatio = ratio
    self.zeros = zeros
    // Training leaves many weights on the border between two trits: floats that were rounded may fall to either side.
    let rounding = [a, b].filter(\.wasTernarized).map(\.storage.rounding).max()
    let allowed = rounding.map { given ?? (isExact ? 0 : max(5 * $0, 1e-4)) } ?? 0
    if share <= allowed, isOnBorders {
      let isSame = abs(ratio - 1) <= tolerance
      status = !isSame ? .differs : ratio == 1 && share == 0 ? .equal : .rounded
      guard !isSame, abs(ratio - 1) > TensorType.ternaryScaleRounding else { return }
      if zeros[0] > 0.01, abs(ratio - (1 - zeros[0])) < 0.01 {
        pattern = .quantizedTwice
      } else if let scale = b.ternary?.scale, let other = a.ternary?.scale, abs(scale * other - 1) <= 0.01 {
        pattern = .scaleInverted
      } else if let scale = b.ternary?.scale, abs(scale - 1) < 1e-5 {
        pattern = .scaleLost
      } else {
        pattern = .scaled(ratio)
      }
      return
    }
    status = .differs
    if total.opposite >= 0.999 * total.nonZeroA, total.nonZeroA == total.nonZeroB {
      pattern = .negated
    } else if zeros[1] < 0.01, zeros[0] > 0.05, total.agreeing >= 0.99 * total.nonZeroA {
      pattern = .signsOnly
    } else if zeros[1] > 0.6, zeros[0] < 0.5, total.agreeing >= 0.9 * total.nonZeroB {
      pattern = .mostlyZeros
    }
  }
}

extension TensorComparison {
  /// Names the tensors with elements that are no numbers, in both models or one: equal they may be, right they are not.
  static func notesOnNonFinite(_ tensors: [TensorComparison]) -> [String] {
    let wrong = tensors.filter { $0.nonFinite != nil }
    guard let first = wrong.first, let counts = first.nonFinite else { return [] }
    let more = wrong.count > 1 ? ", as do \(wrong.count - 1) more tensors" : ""
    return [
      "\(first.shortName) holds \(counts[0]) values in A and \(counts[1]) in B that are infinite or not a number\(more)"
    ]
  }
}

extension TernaryMatrix? {
  fileprivate func scale(_ asTrits: Bool) -> Double { asTrits ? Double(self?.scale ?? 1) : 1 }
}
