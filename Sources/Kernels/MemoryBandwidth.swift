import CKernels

extension Compute {
  /// How fast all threads together read memory that no cache holds, in bytes per second: the most that decoding can
  /// reach, since it reads every weight once per token. The best of `repetitions` passes over 1 GiB.
  package func streamingBandwidth(repetitions: Int = 3) -> Double {
    let count = 1 << 30
    let buffer = ByteBuffer(count: count, usesHugePages: true)
    let words = buffer.baseAddress.assumingMemoryBound(to: UInt64.self)
    let clock = ContinuousClock()
    var best = 0.0
    for _ in 0..<repetitions {
      let sums = FloatMatrix(rows: pool.threadCount, columns: 16)
      let duration = clock.measure {
        pool.forEach(count: count / 8, grain: 1 << 19) { thread, range in
          // Kept, so that the reads are.
          sums[row: thread][0] += Float(ck_sum_words(words + range.lowerBound, range.count))
        }
      }
      let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
      best = max(best, Double(count) / seconds)
    }
    return best
  }
}
