import ModelFormats

/// Why a JSON Schema cannot be made into a constraint.
public struct JSONSchemaError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The keys that lead to the schema at fault, joined by dots, such as `properties.age`; empty at the top.
  public let path: String
  /// The keyword at fault; empty where the schema as a whole is.
  public let keyword: String
  /// What is wrong with it.
  public let problem: String
  /// What would be right.
  public let remedy: String

  init(_ path: String, _ keyword: String, _ problem: String, remedy: String = "") {
    self.path = printable(path)
    self.keyword = printable(keyword)
    self.problem = problem
    self.remedy = remedy
  }

  /// The sentence that a user reads.
  public var description: String {
    let place = path.isEmpty ? "the schema" : "the schema at \(path)"
    let subject = keyword.isEmpty ? place : "\(place): '\(keyword)'"
    return "\(subject) \(problem).\(remedy.isEmpty ? "" : " \(remedy)")"
  }
}
