#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One direction of a chart: which values it shows, and where the round ones among them are.
package struct Axis {
  /// Values with a mark and a number.
  package let ticks: [Double]
  private let low: Double
  private let high: Double
  private let isLogarithmic: Bool

  /// Round numbers that reach around the values, about `count` of them.
  ///
  /// - Parameter least: the least step between two marks.
  package init(linear values: [Double], count: Int = 4, least: Double = 0) {
    let finite = values.filter(\.isFinite)
    let low = finite.min() ?? 0, high = finite.max() ?? 1
    let span = high > low ? high - low : max(abs(low) * 0.1, 1e-9)
    let power = pow(10, floor(log10(span / Double(count))))
    let step = max(least, ([1, 2, 5, 10].first { $0 * power >= span / Double(count) } ?? 10) * power)
    let first = (low / step).rounded(.down), last = max((high / step).rounded(.up), first + 1)
    ticks = stride(from: first, through: last, by: 1).map { $0 * step }
    self.low = first * step
    self.high = last * step
    isLogarithmic = false
  }

  /// The values exactly, with marks at whole numbers.
  package init(whole range: ClosedRange<Int>, count: Int = 6) {
    let span = Double(max(1, range.upperBound - range.lowerBound))
    let power = pow(10, floor(log10(span / Double(count))))
    let step = max(1, ([1, 2, 5, 10].first { $0 * power >= span / Double(count) } ?? 10) * power)
    let first = (Double(range.lowerBound) / step).rounded(.up) * step
    ticks = Array(stride(from: first, through: Double(range.upperBound), by: step))
    low = Double(range.lowerBound)
    high = Double(range.upperBound)
    isLogarithmic = false
  }

  /// Powers of ten, or 1, 2 and 5 times those, around the positive ones among the values.
  package init(logarithmic values: [Double]) {
    let positive = values.filter { $0.isFinite && $0 > 0 }
    let least = positive.min() ?? 1, largest = max(positive.max() ?? 10, least * 1.0001)
    let powers = Int(floor(log10(least)))...Int(ceil(log10(largest)))
    let mantissas = log10(largest / least) < 2 ? [1.0, 2, 5] : [1.0]
    let all = powers.flatMap { power in mantissas.map { $0 * pow(10, Double(power)) } }
    let from = all.lastIndex { $0 <= least * 1.000001 } ?? 0
    let upTo = all.firstIndex { $0 >= largest * 0.999999 } ?? all.count - 1
    let kept = Array(all[from...max(from, upTo)])
    let every = (kept.count + 6) / 7
    ticks = kept.indices.filter { $0 % every == 0 }.map { kept[$0] }
    low = kept.first ?? 1
    high = kept.last ?? 10
    isLogarithmic = true
  }

  /// Where a value lies, 0 to 1; `nil` for one that has no place.
  package func position(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    guard high > low else { return 0.5 }
    return isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// A mark's number, without trailing zeros.
  package static func label(_ value: Double) -> String {
    let isPlain = value == 0 || (1e-3...99_999).contains(abs(value))
    let parts = (isPlain ? fixed(value, 6) : significant(value)).split(separator: "e")
    guard let mantissa = parts.first, mantissa.contains(".") else { return String(parts.first ?? "") }
    let digits = String(mantissa.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
    return parts.count > 1 ? "\(digits)e\(parts[1])" : digits
  }
}
