/// The values of `format` that are constrained, as patterns.
enum StringFormats {
  static let names = patterns.keys.sorted()

  static func pattern(_ name: String) -> String? { patterns[name].map { "^(?:\($0))$" } }

  private static let patterns = [
    "date": date, "time": time, "date-time": "(?:\(date))T\(time)",
    "uuid": "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
    "ipv4": "(?:\(byte)\\.){3}\(byte)",
    // A part of what RFC 5321 permits; lengths as it has them.
    "email":
      "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}"
      + "@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,20}[A-Za-z0-9])?\\.){1,3}[A-Za-z]{2,12}",
  ]

  private static let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

  /// RFC 3339 without leap seconds, which many readers refuse.
  private static let time =
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

  /// The days that exist, from the year 1 on.
  private static let date =
    "\(year)-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    + "|\(leapYear)-02-29"

  private static let year = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
  private static let leapYear =
    "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
}
