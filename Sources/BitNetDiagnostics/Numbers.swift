/// A number with a fixed count of decimals, independent of the locale.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
  guard abs(value) < 1e15 else { return "\(value)" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let scaled = (abs(value) * scale).rounded()
  let whole = UInt64(scaled / scale)
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard decimals > 0 else { return "\(sign)\(whole)" }
  let fraction = String(UInt64(scaled - Double(whole) * scale))
  return "\(sign)\(whole)." + String(repeating: "0", count: decimals - fraction.count) + fraction
}

/// A number with three significant digits, in powers of ten where it is small or large: `7.82e-12`.
func significant(_ value: Double) -> String {
  guard value != 0, value.isFinite else { return fixed(value, 0) }
  var exponent = 0
  var mantissa = abs(value)
  while mantissa >= 9.995 {
    mantissa /= 10
    exponent += 1
  }
  while mantissa < 0.9995 {
    mantissa *= 10
    exponent -= 1
  }
  let sign = value < 0 ? "-" : ""
  if (-3...3).contains(exponent) { return sign + fixed(abs(value), max(0, 2 - exponent)) }
  return "\(sign)\(fixed(mantissa, 2))e\(exponent)"
}
