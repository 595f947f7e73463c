import BitNet
import Kernels

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How well the matrices of one block fit each other, as far as it can be told from weights alone.
///
/// A neuron reads the residual stream with its rows of gate and up and writes to it with its column of down; a value
/// dimension is read by a row of v and written by a column of o; q and k meet dimension by dimension. Training aligns
/// these directions, and a matrix whose rows or columns were put into another order, or replaced, is aligned no more.
public struct BlockCoherence: Sendable, Codable {
  /// Two matrices that meet along a dimension.
  public enum Pair: String, Sendable, Codable, CaseIterable {
    /// Rows of queries and of keys.
    case queryKey
    /// Rows of values, columns of the output matrix.
    case valueOutput
    /// Rows of gate and up.
    case gateUp
    /// Rows of up, columns of down.
    case upDown
    /// Rows of gate, columns of down.
    case gateDown
  }

  /// How well a pair is aligned.
  public struct Alignment: Sendable, Codable {
    /// The pair.
    public var pair: Pair
    /// How many directions were compared.
    public var directions: Int
    /// The mean squared cosine over that of random directions: 1 for matrices that have nothing to do with each other.
    public var ratio: Double

    /// How far the ratio is from 1, in standard deviations of random directions.
    public var score: Double { (ratio - 1) * (Double(directions) / 2).squareRoot() }
  }

  /// The block's number.
  public var layer: Int
  /// The pairs that could be compared.
  public var alignments: [Alignment]
  /// The correlation of the log norms of rows that the model rotates together, over q and k; `nil` where heads are too
  /// small.
  public var rotatedTogether: Double?
  /// The same for the rows that the other rotary order would rotate together.
  public var rotatedApart: Double?

  /// How well a pair is aligned; `nil` if it could not be compared.
  public func score(_ pair: Pair) -> Double? { alignments.first { $0.pair == pair }?.score }
}

extension BlockCoherence.Pair {
  /// The two matrices.
  var roles: [LinearRole] {
    switch self {
    case .queryKey: [.query, .key]
    case .valueOutput: [.value, .output]
    case .gateUp: [.gate, .up]
    case .upDown: [.up, .down]
    case .gateDown: [.gate, .down]
    }
  }
}

extension BlockCoherence {
  /// How many neurons of a block are looked at, evenly spaced.
  private static let sample = 1024

  /// - Parameter matrices: the rows of the block's matrices, `[outputs][inputs]`; those that cannot be read are absent.
  init(layer: Int, matrices: [LinearRole: [[Float]]], configuration: ModelConfiguration, pool: ThreadPool) {
    self.layer = layer
    alignments = []
    // All these directions lie in the residual stream.
    let width = configuration.hiddenSize
    let heads = configuration.heads, kvHeads = configuration.kvHeads, size = configuration.headSize
    if let query = matrices[.query], let key = matrices[.key] {
      add(
        .queryKey, pool.map(count: heads * size) { PairSums(query[$0], key[kvRow($0, heads, kvHeads, size)]) },
        width: width)
      let tables = [(query, heads), (key, kvHeads)]
      let halves = tables.map { RotaryPairs(rows: $0.0, heads: $0.1, configuration, adjacent: false) }
      let neighbours = tables.map { RotaryPairs(rows: $0.0, heads: $0.1, configuration, adjacent: true) }
      let isInterleaved = configuration.ropeLayout == .interleaved
      rotatedTogether = RotaryPairs.correlation(isInterleaved ? neighbours : halves)
      rotatedApart = RotaryPairs.correlation(isInterleaved ? halves : neighbours)
    }
    if let value = matrices[.value], let output = matrices[.output] {
      let columns = Array(0..<heads * size).evenly(BlockCoherence.sample)
      let rows = columns.map { value[kvRow($0, heads, kvHeads, size)] }
      add(.valueOutput, BlockCoherence.sums(rows, columns: columns, of: output, pool: pool), width: width)
    }
    let neurons = Array(0..<configuration.intermediateSize).evenly(BlockCoherence.sample)
    let gate = matrices[.gate], up = matrices[.up]
    if let gate, let up {
      add(.gateUp, pool.map(count: neurons.count) { PairSums(gate[neurons[$0]], up[neurons[$0]]) }, width: width)
    }
    if let down = matrices[.down] {
      for (pair, reader) in [(Pair.upDown, up), (.gateDown, gate)] {
        guard let reader else { continue }
        add(pair, BlockCoherence.sums(neurons.map { reader[$0] }, columns: neurons, of: down, pool: pool), width: width)
      }
    }
  }

  private mutating func add(_ pair: Pair, _ sums: [PairSums], width: Int) {
    let cosines = sums.compactMap { sums -> Double? in
      let norms = sums.squareA * sums.squareB
      return norms > 0 && sums.product.isFinite ? sums.product * sums.product / norms : nil
    }
    guard cosines.count >= 8 else { return }
    let ratio = cosines.reduce(0, +) / Double(cosines.count) * Double(width)
    alignments.append(Alignment(pair: pair, directions: cosines.count, ratio: ratio))
  }

  /// Rows against columns of another matrix, `columns[i]` for row `i`.
  private static func sums(_ rows: [[Float]], columns: [Int], of matrix: [[Float]], pool: ThreadPool) -> [PairSums] {
    pool.map(count: rows.count) { index in PairSums(rows[index], matrix.map { $0[columns[index]] }) }
  }
}

/// The row of the shared key or value head for a row of all query heads.
private func kvRow(_ row: Int, _ heads: Int, _ kvHeads: Int, _ size: Int) -> Int {
  row / size / (heads / kvHeads) * size + row % size
}

extension Array {
  /// At most `count` of the elements, evenly spaced.
  func evenly(_ count: Int) -> [Element] {
    self.count <= count ? self : (0..<count).map { self[$0 * self.count / count] }
  }
}

/// Log norms of rows that are rotated together, without each head's mean.
private struct RotaryPairs {
  var pairs: [(Double, Double)] = []

  init(rows: [[Float]], heads: Int, _ configuration: ModelConfiguration, adjacent: Bool) {
    let size = configuration.headSize, half = configuration.rotatedSize / 2
    guard half >= 4 else { return }
    for head in 0..<heads {
      let logs = (0..<2 * half).map { element in
        log(rows[head * size + element].reduce(1e-20) { $0 + Double($1) * Double($1) })
      }
      let mean = logs.reduce(0, +) / Double(logs.count)
      for pair in 0..<half {
        let (a, b) = adjacent ? (2 * pair, 2 * pair + 1) : (pair, pair + half)
        pairs.append((logs[a] - mean, logs[b] - mean))
      }
    }
  }

  static func correlation(_ tables: [RotaryPairs]) -> Double? {
    let pairs = tables.flatMap(\.pairs)
    let product = pairs.reduce(0) { $0 + $1.0 * $1.1 }
    let squares = (pairs.reduce(0) { $0 + $1.0 * $1.0 }, pairs.reduce(0) { $0 + $1.1 * $1.1 })
    let scale = (squares.0 * squares.1).squareRoot()
    return scale > 0 && scale.isFinite ? product / scale : nil
  }
}
