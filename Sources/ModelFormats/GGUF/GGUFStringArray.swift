package import Kernels

/// An array of strings in a GGUF file, left where it is: opening a vocabulary of 280,000 entries copies none of them.
///
/// The strings are bytes, since tokens need not be valid UTF-8.
public struct GGUFStringArray: Sendable {
  /// The bytes of the elements, with the eight bytes of length between them.
  private let bytes: SharedBytes
  /// Where each string begins, and one more entry that ends the last as the length of a further string would.
  private let starts: [Int]

  /// - Parameter starts: each at least eight behind the last, all within `bytes.count + 8`.
  package init(bytes: SharedBytes, starts: [Int]) {
    self.bytes = bytes
    self.starts = starts
  }

  /// The number of strings.
  public var count: Int { max(0, starts.count - 1) }

  /// The bytes of a string.
  public subscript(index: Int) -> [UInt8] { bytes.array(range(index)) }

  /// The string, with U+FFFD in place of what is not valid UTF-8.
  public func string(at index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

  /// The bytes of a string, without a copy.
  package func slice(at index: Int) -> SharedBytes { bytes[range(index)] }

  private func range(_ index: Int) -> Range<Int> { starts[index]..<(starts[index + 1] - 8) }
}
