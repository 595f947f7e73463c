/// A key that was read: what it means, what it may be, and what it is.
package struct ConfigurationKey: Sendable, Hashable {
  /// Its path, such as `optimizer.lr_muon` or `data.sources.0.name`.
  package let path: String
  /// What it may be.
  package let allowed: String
  /// What it is where nothing is written.
  package let fallback: String
  /// What it means.
  package let help: String
  /// What it is, as YAML.
  package let value: String
  /// Whether it was written, and not left to its default.
  package let isWritten: Bool
}
