/// Why a server cannot be configured, as a sentence for whoever starts it.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
