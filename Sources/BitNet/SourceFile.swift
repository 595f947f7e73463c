/// A file that a model was read from.
public struct SourceFile: Sendable, Codable, Hashable {
  /// Its name, without folders.
  public var name: String
  /// Its size.
  public var bytes: Int
  /// The SHA-256 of its contents, in hexadecimal digits.
  public var sha256: String

  package init(name: String, bytes: Int, sha256: String) {
    self.name = name
    self.bytes = bytes
    self.sha256 = sha256
  }
}
