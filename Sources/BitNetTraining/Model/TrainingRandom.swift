#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Randomness as a function of a seed and of where it is used: nothing has to be saved, and the order in which numbers are
/// taken changes none of them.
///
///     let random = TrainingRandom(seed: 42).child(.masking, step, microBatch)
///     let ratio = random.unit(sequence, block)
package struct TrainingRandom: Sendable, Equatable {
  /// What numbers are drawn for: streams of one seed have nothing to do with each other.
  package enum Stream: Int, Sendable {
    /// The initial weights, by parameter.
    case weights
    /// The masks of block diffusion, by step and micro-batch.
    case masking
    /// The order of documents.
    case shuffling
    /// The draw between sources.
    case mixing
    /// Samples for the validation.
    case validation
  }

  private let key: UInt64

  package init(seed: UInt64) { key = Self.mix(seed &+ Self.step) }

  /// The generator for one place: a stream, and numbers that say where in it.
  package func child(_ stream: Stream, _ indices: Int...) -> TrainingRandom {
    TrainingRandom(key: hash(stream.rawValue &+ 1_000_003, indices))
  }

  /// 64 random bits at the place that the numbers name.
  package func value(_ indices: Int...) -> UInt64 { hash(0, indices) }

  /// A number in `0..<1` at a place.
  package func unit(_ indices: Int...) -> Double { Double(hash(0, indices) >> 11) * 0x1p-53 }

  /// A number of the normal distribution at a place, by Box and Muller.
  package func normal(_ index: Int) -> Double {
    let place = Self.mix(UInt64(bitPattern: Int64(index)) &+ Self.step)
    let first = Double((Self.mix(key ^ place) >> 11) + 1) * 0x1p-53
    let second = Double(Self.mix(key &+ Self.step ^ place) >> 11) * 0x1p-53
    return sqrt(-2 * log(first)) * cos(2 * Double.pi * second)
  }

  private init(key: UInt64) { self.key = key }

  private func hash(_ start: Int, _ indices: [Int]) -> UInt64 {
    indices.reduce(Self.mix(key &+ UInt64(bitPattern: Int64(start)) &* Self.step)) { state, index in
      Self.mix(state ^ Self.mix(UInt64(bitPattern: Int64(index)) &+ Self.step))
    }
  }

  private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

  /// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
