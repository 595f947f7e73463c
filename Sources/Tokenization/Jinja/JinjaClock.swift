#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A date and time for `strftime_now`.
package struct JinjaClock: Sendable {
  var year: Int
  var month: Int
  var day: Int
  var hour: Int
  var minute: Int
  var second: Int

  package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  /// The present moment in the local time zone.
  package static var now: JinjaClock {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .current
    let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: Date())
    return JinjaClock(
      year: parts.year ?? 1970, month: parts.month ?? 1, day: parts.day ?? 1, hour: parts.hour ?? 0,
      minute: parts.minute ?? 0, second: parts.second ?? 0)
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// Sunday is 0. Sakamoto's method.
  private var weekday: Int {
    let shift = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][max(0, min(11, month - 1))]
    let year = month < 3 ? year - 1 : year
    return (year + year / 4 - year / 100 + year / 400 + shift + day) % 7
  }

  private var dayOfYear: Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][max(0, min(11, month - 1))]
    return before + day + (isLeap && month > 2 ? 1 : 0)
  }

  /// C's `strftime` in the C locale; an unknown conversion is kept as it stands.
  func formatted(_ format: String) -> String {
    var result = ""
    var rest = Array(format.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      // GNU's "%-d" leaves the leading zero out.
      let isPadded = rest.first != "-"
      if !isPadded { rest.removeFirst() }
      guard let conversion = rest.popFirst() else {
        result += isPadded ? "%" : "%-"
        continue
      }
      result += field(conversion, isPadded: isPadded) ?? (isPadded ? "%" : "%-") + String(conversion)
    }
    return result
  }

  private func field(_ conversion: Unicode.Scalar, isPadded: Bool) -> String? {
    func number(_ value: Int, _ width: Int = 2, _ padding: String = "0") -> String {
      let digits = String(value)
      return isPadded ? String(repeating: padding, count: max(0, width - digits.count)) + digits : digits
    }
    let hour12 = hour % 12 == 0 ? 12 : hour % 12
    let monthName = Self.months[max(0, min(11, month - 1))]
    let dayName = Self.days[weekday]
    switch conversion {
    case "Y": return String(year)
    case "y": return number(year % 100)
    case "m": return number(month)
    case "d": return number(day)
    case "e": return number(day, 2, " ")
    case "H": return number(hour)
    case "I": return number(hour12)
    case "M": return number(minute)
    case "S": return number(second)
    case "p": return hour < 12 ? "AM" : "PM"
    case "j": return number(dayOfYear, 3)
    case "B": return monthName
    case "b", "h": return String(monthName.prefix(3))
    case "A": return dayName
    case "a": return String(dayName.prefix(3))
    case "w": return String(weekday)
    case "F": return formatted("%Y-%m-%d")
    case "T": return formatted("%H:%M:%S")
    case "%": return "%"
    case "n": return "\n"
    case "t": return "\t"
    default: return nil
    }
  }
}
